"""The desktop client over real connections, both kinds, to servers that are cut, freeze, go away and refuse."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from clients.desktop import events
from clients.desktop.conversation import Conversation
from clients.desktop.failures import ConversationBroken
from clients.desktop.headless import HeadlessDevice
from clients.desktop.sound import pcm_of, samples_of
from parley.v1 import audio_pb2, stream_pb2
from parley.v1 import conversation_service_pb2 as wire
from parley.v1.conversation_service_pb2_grpc import (
    ConversationServiceServicer,
    add_ConversationServiceServicer_to_server,
)
from services.ingress.audio_header import decode_microphone, encode_reply
from services.ingress.wire_text import decode_text, encode_text
from tests.fakes.position_code import PositionDecoder, track_pcm

pytestmark = pytest.mark.timeout(60)

ROOT = Path(__file__).parents[2]
PIECE = 960
LEAD_SAMPLES = 4_800
REPLY_SAMPLES = 72_000
"""3 s."""
SPEECH_S = 30

Send = Callable[[wire.ConverseResponse], Awaitable[None]]


def speech() -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Return what the person says: no sample is 0, and each is a function of its place."""
    return (1_000 + (np.arange(SPEECH_S * 16_000, dtype=np.int64) * 37) % 20_000).astype(np.int16)


class Ring:
    """What stands behind all doors: it has heard so much, and says its reply from where it is wanted."""

    def __init__(self) -> None:
        self.heard_offset = 0
        self.heard = np.zeros(SPEECH_S * 16_000, np.int16)
        self.requests: list[wire.ConverseRequest] = []
        self.opens: list[wire.Open] = []
        self.owner: Door | None = None
        self.begins_s = math.inf
        self.answers_after = 0
        """Samples of the person that are heard before the reply begins."""

    def take(self, request: wire.ConverseRequest) -> None:
        """Hear the client."""
        if not request.HasField("audio"):
            self.requests.append(request)
            return
        samples, at = samples_of(request.audio.pcm), request.audio.mic_offset
        assert at <= self.heard_offset, f"a hole from {self.heard_offset} to {at}"
        self.heard[at : at + len(samples)] = samples
        self.heard_offset = max(self.heard_offset, at + len(samples))
        if self.heard_offset > self.answers_after and self.begins_s == math.inf:
            self.begins_s = asyncio.get_running_loop().time()

    @property
    def due(self) -> int:
        """How far the reply may have been sent."""
        if self.begins_s == math.inf:
            return 0
        passed_s = asyncio.get_running_loop().time() - self.begins_s
        return min(round(passed_s * 24_000) + LEAD_SAMPLES, REPLY_SAMPLES)

    async def until(self, so: Callable[[], bool]) -> None:
        """Wait for something."""
        while not so():  # noqa: ASYNC110 - what happens comes from many sides
            await asyncio.sleep(0.01)


class Door:
    """One ingress: it holds its callers' conversations for the ring, until something happens to it."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.address = ""
        self.full = False
        self.calls = 0
        self._frozen = asyncio.Event()
        self._thawed = asyncio.Event()
        self._drain = asyncio.Event()
        self._cuts: list[Callable[[], object]] = []

    def freeze(self) -> None:
        """Neither read nor say anything any more."""
        self._frozen.set()

    def thaw(self) -> None:
        """Let go of what was frozen, at the end of a test."""
        self._thawed.set()

    def drain(self) -> None:
        """Be about to go away."""
        self._drain.set()

    def cut(self) -> None:
        """Break every connection off."""
        for cut in self._cuts:
            cut()

    async def converse(
        self, requests: AsyncIterator[wire.ConverseRequest], send: Send, cut: Callable[[], object]
    ) -> None:
        """Hold one conversation."""
        self.calls += 1
        self._cuts.append(cut)
        open_ = (await anext(requests)).open
        if self.full:
            error = stream_pb2.Error(code=stream_pb2.Error.CODE_FULL, message="Full.", retryable=True)
            await send(wire.ConverseResponse(error=error))
            return
        ring = self.ring
        ring.opens.append(open_)
        ring.owner = self
        opened = wire.Opened(session="s", resume_token="s.1", protocol=1, resume_s=30, lead_ms=200)
        opened.mic_offset, opened.resumed = ring.heard_offset, bool(open_.resume)
        await send(wire.ConverseResponse(opened=opened))
        speaking = asyncio.create_task(self._speak(send, open_.next.position))
        try:
            async for request in requests:
                if self._frozen.is_set():
                    await self._thawed.wait()
                    return
                if request.HasField("end"):
                    await send(wire.ConverseResponse(closed=wire.Closed(code=wire.Closed.CODE_CLIENT)))
                    return
                if ring.owner is self:
                    ring.take(request)
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    async def _speak(self, send: Send, position: int) -> None:
        ring, ticks, draining, ended = self.ring, 0, False, False
        while not self._frozen.is_set():
            if self._drain.is_set() and not draining:
                draining = True
                await send(wire.ConverseResponse(draining=wire.Draining(seconds=5)))
            due = ring.due
            while position < due:
                samples = min(PIECE, due - position)
                pcm = track_pcm(1, samples, position)
                await send(wire.ConverseResponse(audio=audio_pb2.ReplyAudio(reply=1, position=position, pcm=pcm)))
                position += samples
            if position == REPLY_SAMPLES and not ended:
                ended = True
                await send(wire.ConverseResponse(reply_ended=audio_pb2.ReplyEnded(reply=1, samples=REPLY_SAMPLES)))
            if ticks % 25 == 0:
                await send(wire.ConverseResponse(heartbeat=stream_pb2.Heartbeat(beat=ticks)))
                await send(wire.ConverseResponse(heard=audio_pb2.Heard(received_offset=ring.heard_offset)))
            if ring.owner is not self:
                error = stream_pb2.Error(code=stream_pb2.Error.CODE_SUPERSEDED, message="Another one.")
                await send(wire.ConverseResponse(error=error))
                return
            ticks += 1
            await asyncio.sleep(0.02)


class GrpcDoor(ConversationServiceServicer):
    """The door for gRPC."""

    def __init__(self, door: Door) -> None:
        self.door = door

    async def Converse(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]
        """Hold one conversation."""
        task = asyncio.current_task()
        assert task is not None
        await self.door.converse(request_iterator, context.write, task.cancel)


@asynccontextmanager
async def grpc_door(ring: Ring) -> AsyncIterator[Door]:
    """Open a door for gRPC."""
    door, server = Door(ring), grpc.aio.server()
    add_ConversationServiceServicer_to_server(GrpcDoor(door), server)
    door.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield door
    finally:
        await server.stop(0)


@asynccontextmanager
async def websocket_door(ring: Ring) -> AsyncIterator[Door]:
    """Open a door for WebSocket."""
    door = Door(ring)

    async def hold(connection: ServerConnection) -> None:
        async def requests() -> AsyncIterator[wire.ConverseRequest]:
            async for frame in connection:
                yield decode_text(frame) if isinstance(frame, str) else decode_microphone(frame)

        async def send(response: wire.ConverseResponse) -> None:
            await connection.send(encode_reply(response) if response.HasField("audio") else encode_text(response))

        try:
            await door.converse(requests(), send, connection.transport.abort)
        except ConnectionClosed:
            return

    async with serve(hold, "127.0.0.1", 0, close_timeout=0.5) as server:
        door.address = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        try:
            yield door
        finally:
            door.thaw()


DOORS = {"grpc": grpc_door, "websocket": websocket_door}


@asynccontextmanager
async def two_doors(kind: str, other: str = "") -> AsyncIterator[tuple[Ring, Door, Door]]:
    """Open two doors of one ring."""
    ring = Ring()
    async with AsyncExitStack() as stack:
        doors = [await stack.enter_async_context(DOORS[name](ring)) for name in (kind, other or kind)]
        yield ring, doors[0], doors[1]


async def converse(
    ring: Ring, servers: str, meanwhile: Callable[[], Awaitable[None]]
) -> tuple[list[events.Event], HeadlessDevice]:
    """Talk until the reply was heard; return what was told, and the device."""
    device, told = HeadlessDevice(), []
    device.say(pcm_of(speech()))
    async with Conversation(servers, device) as conversation:
        acting = asyncio.ensure_future(meanwhile())
        async for event in conversation:
            told.append(event)
            if isinstance(event, events.ReplyPlayed):
                await asyncio.sleep(0.3)
                await conversation.hang_up()
        await acting
    return told, device


def assert_nothing_was_lost(ring: Ring, told: list[events.Event], device: HeadlessDevice) -> None:
    """Every sample captured up to the end was heard, and every sample of the reply played once."""
    heard = ring.heard[: ring.heard_offset]
    assert device.mic_offset - ring.heard_offset < 16_000
    assert np.array_equal(heard, speech()[: len(heard)])
    runs = PositionDecoder({1: REPLY_SAMPLES}).decode(pcm_of(device.recording().assistant()))
    assert [run.start_position for run in runs] == [0, *(run.end_position for run in runs[:-1])]
    assert runs[-1].end_position == REPLY_SAMPLES
    assert [event.lost_ms for event in told if isinstance(event, events.Resumed)] == [0]


@pytest.mark.parametrize(("kind", "other"), [("grpc", "grpc"), ("websocket", "websocket"), ("grpc", "websocket")])
async def test_a_connection_that_is_cut_in_the_middle_of_everything(kind: str, other: str) -> None:
    """The person speaks, the assistant speaks, the server is full by now: another one goes on with both."""
    async with two_doors(kind, other) as (ring, one, two):

        async def act() -> None:
            await asyncio.sleep(1.2)
            one.full = True
            one.cut()

        told, device = await converse(ring, f"{one.address},{two.address}", act)
    assert_nothing_was_lost(ring, told, device)
    assert two.calls == 1
    assert len(ring.opens) == 2
    assert (ring.opens[1].resume, ring.opens[1].next.reply) == ("s.1", 1)
    assert ring.opens[1].next.position > 24_000
    assert [type(event) for event in told if not isinstance(event, events.Underrun)] == [
        events.Opened,
        events.ReplyStarted,
        events.Reconnecting,
        events.Resumed,
        events.ReplyPlayed,
        events.Closed,
    ]


@pytest.mark.parametrize("kind", ["grpc", "websocket"])
async def test_a_server_that_is_alone_is_called_again(kind: str) -> None:
    """The same address is called at once; the session is the same."""
    async with two_doors(kind) as (ring, one, two):

        async def act() -> None:
            await asyncio.sleep(1.2)
            one.cut()

        told, device = await converse(ring, one.address, act)
    assert_nothing_was_lost(ring, told, device)
    assert (one.calls, two.calls) == (2, 0)


@pytest.mark.parametrize("kind", ["grpc", "websocket"])
async def test_a_server_that_freezes_is_left_for_the_next(kind: str) -> None:
    """It is found by its silence; it is not called again, and its connection is not waited for."""
    async with two_doors(kind) as (ring, one, two):

        async def act() -> None:
            await asyncio.sleep(1.2)
            one.freeze()

        told, device = await converse(ring, f"{one.address},{two.address}", act)
        assert_nothing_was_lost(ring, told, device)
        assert (one.calls, two.calls) == (1, 1)
        (lost,) = [event for event in told if isinstance(event, events.Reconnecting)]
        assert "has been silent for 1." in lost.why


@pytest.mark.parametrize("kind", ["grpc", "websocket"])
async def test_a_server_that_goes_away_talks_until_the_next_one_stands(kind: str) -> None:
    """Nothing is heard of it: no gap, no word of having been replaced."""
    async with two_doors(kind) as (ring, one, two):

        async def act() -> None:
            await asyncio.sleep(1.2)
            one.drain()

        told, device = await converse(ring, f"{one.address},{two.address}", act)
    assert_nothing_was_lost(ring, told, device)
    assert (one.calls, two.calls) == (1, 1)
    assert not [event for event in told if isinstance(event, events.ServerError)]
    assert [event.gap_ms < 1_000 for event in told if isinstance(event, events.Resumed)] == [True]


@pytest.mark.parametrize("kind", ["grpc", "websocket"])
async def test_a_full_server_sends_callers_to_the_next(kind: str) -> None:
    """At once, and nobody is told."""
    async with two_doors(kind) as (ring, one, two):
        one.full = True
        async with Conversation(f"{one.address},{two.address}", HeadlessDevice()):
            pass
        assert (one.calls, two.calls) == (1, 1)
    assert len(ring.opens) == 1


async def test_servers_that_are_gone_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the time is over in which the session is kept, the person is told what happened and what was tried last."""
    async with two_doors("grpc", "websocket") as (ring, one, two):
        conversation = Conversation(f"{one.address},{two.address}", HeadlessDevice())
        await conversation.__aenter__()
        await ring.until(lambda: ring.heard_offset > 16_000)
        conversation._line.resumption.resume_s = 2
    told: list[events.Event] = []

    async def watch() -> None:
        async for event in conversation:
            told.append(event)

    with pytest.raises(ConversationBroken) as broken:
        await watch()
    assert f"The connection to {one.address} was lost" in str(broken.value)
    assert "could not be taken up again: Cannot reach Parley at" in str(broken.value)
    assert isinstance(told[-1], events.Reconnecting)
    await conversation.__aexit__(None, None, None)


async def test_command_goes_on_over_another_server(tmp_path: Path) -> None:
    """`--server a,b`: two plain lines tell of it, and the exit code is that of a good end."""
    question = tmp_path / "question.wav"
    with wave.open(str(question), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(pcm_of(speech()[:16_000]))
    async with two_doors("websocket", "grpc") as (ring, one, two):
        ring.answers_after = 16_000
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "clients.desktop", "--server", f"{one.address},{two.address}"),
            *("--say", str(question)),
            cwd=ROOT,
            env={"PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        await ring.until(lambda: ring.heard_offset > 28_000)
        one.full = True
        one.cut()
        out, err = await process.communicate()
    assert (process.returncode, err.decode()) == (0, "")
    first, second = out.decode().splitlines()
    assert first == f"(Connecting again: the connection to {one.address} was lost (it broke off).)"
    assert second.startswith("(Connected again after 0.")
    assert np.array_equal(ring.heard[ring.heard != 0], speech()[:16_000])
