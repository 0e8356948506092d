"""Acts: what a bad client does from its connection on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import stream_pb2
from tests.integration.bad_input.raw_caller import RawCaller

Act = Callable[[RawCaller], Awaitable[object]]
Format = audio.AudioFormat

FRAME = bytes(640)
"""20 ms of silence at 16 kHz."""


def microphone(mic_offset: int = 0, pcm: bytes = FRAME) -> wire.ConverseRequest:
    """Return a frame of the microphone."""
    return wire.ConverseRequest(audio=audio.AudioFrame(mic_offset=mic_offset, pcm=pcm))


def opening(**fields: object) -> Act:
    """Open with these fields."""

    async def act(caller: RawCaller) -> None:
        await caller.send(wire.ConverseRequest(open=wire.Open(**fields)))  # type: ignore[arg-type]

    return act


def first(request: wire.ConverseRequest) -> Act:
    """Send this before anything else."""
    return lambda caller: caller.send(request)


def then(*requests: wire.ConverseRequest) -> Act:
    """Open, and then send these."""

    async def act(caller: RawCaller) -> None:
        await caller.opens()
        for request in requests:
            await caller.send(request)

    return act


def in_mid_reply(grpc: bytes, websocket: bytes | str) -> Act:
    """Send this, as it is, while a reply is being heard."""

    async def act(caller: RawCaller) -> None:
        await caller.opens()
        await caller.send(wire.ConverseRequest(say=wire.Say(text="tell me something")))
        await caller.until("audio")
        await caller.send_raw(grpc if caller.door == "grpc" else websocket)

    return act


def at_once(grpc: bytes, websocket: bytes | str) -> Act:
    """Send this, as it is, before anything else."""
    return lambda caller: caller.send_raw(grpc if caller.door == "grpc" else websocket)


async def too_fast(caller: RawCaller) -> None:
    """Send ten seconds of sound at once."""
    await caller.opens()
    for index in range(500):
        await caller.send(microphone(index * 320))


async def beat_without_end(caller: RawCaller) -> None:
    """Send heartbeats as fast as they go, until they are refused: a busy machine sends them so much slower."""
    await caller.opens()
    for _ in range(20_000):
        if caller.has_heard("error"):
            return
        await caller.send(wire.ConverseRequest(heartbeat=stream_pb2.Heartbeat()))


async def nothing(caller: RawCaller) -> None:
    """Connect; that is all."""


async def silent_sound(caller: RawCaller) -> None:
    """Send silence, in time and for ever."""
    await caller.opens()
    offset = 0
    while not caller.ending:
        await caller.send(microphone(offset, bytes(6400)))
        offset += 3200
        await asyncio.sleep(0.2)


async def hangs_up_on_nobody(caller: RawCaller) -> None:
    """Break the connection in the middle of a reply."""
    await in_mid_reply(b"\x52\x00", '{"heartbeat":{}}')(caller)
    await caller.vanish()


async def vanishes_at_once(caller: RawCaller) -> None:
    """Break the connection before open."""
    await caller.vanish()


async def never_reads(caller: RawCaller) -> None:
    """Have a long reply sent at the highest rate, and go on beating, but read nothing."""
    await caller.opens(output=Format(rate_hz=48_000))
    caller.stop_reading()
    await caller.send(wire.ConverseRequest(say=wire.Say(text="tell me something")))
    async with beating(caller):
        await asyncio.sleep(9)  # its connection has been cut by then


@asynccontextmanager
async def beating(caller: RawCaller) -> AsyncIterator[None]:
    """Show signs of life meanwhile."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(0.5)
            await caller.send(wire.ConverseRequest(heartbeat=stream_pb2.Heartbeat()))

    heart = asyncio.create_task(beat())
    try:
        yield
    finally:
        heart.cancel()
        await asyncio.wait([heart])


def sized(samples: float) -> wire.ConverseRequest:
    """Return a frame of so many samples."""
    return microphone(pcm=bytes(int(samples * 2)))
