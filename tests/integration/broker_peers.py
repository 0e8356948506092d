"""Peers of the broker that a test plays: vad on one side, egress on the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any, Generic, TypeVar

import grpc
import numpy as np

from parley.v1 import audio_pb2 as audio
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import egress_service_pb2_grpc as egress_rpc
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2 as wire

MS = 24
SPEECH = (4000 * np.sin(np.arange(1600) / 7)).astype("<i2").tobytes()
"""100 ms at 16 kHz."""

T = TypeVar("T")


class Log(Generic[T]):
    """What came so far, and a way to wait for more."""

    def __init__(self) -> None:
        self.messages: list[T] = []
        self._news = asyncio.Event()

    def add(self, message: T) -> None:
        """Note a message."""
        self.messages.append(message)
        self._news.set()

    async def until(self, wanted: Callable[[T], object], timeout_s: float = 10) -> T:
        """Wait for the first message of a kind. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while True:
                for message in self.messages:
                    if wanted(message):
                        return message
                self._news.clear()
                await self._news.wait()


class Egress(egress_rpc.EgressServiceServicer):
    """An egress that notes what it is told and reports what the test says was played."""

    def __init__(self) -> None:
        self.log: Log[egress.SpeakRequest] = Log()
        self.on_request: Callable[[egress.SpeakRequest], None] = lambda _: None
        """Told of every message as it comes."""
        self._pieces: dict[int, list[bytes]] = {}
        self._contexts: list[Any] = []
        self._one_writer = asyncio.Lock()

    async def Speak(self, requests: AsyncIterator[egress.SpeakRequest], context: Any) -> None:  # type: ignore[override]
        """Take one stream until it ends."""
        self._contexts.append(context)
        await context.write(egress.SpeakResponse(ready=wire.StreamReady()))
        beating = asyncio.create_task(_beat(lambda: self._tell(context, heartbeat=wire.Heartbeat())))
        try:
            async for request in requests:
                self.log.add(request)
                if request.HasField("audio"):
                    self._pieces.setdefault(request.audio.reply, []).append(request.audio.pcm)
                self.on_request(request)
                if request.HasField("end"):
                    return
        finally:
            beating.cancel()

    async def Attach(self, _requests: object, context: Any) -> None:  # type: ignore[override]
        """Nobody listens here."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED)

    async def played(self, reply: int, ms: float, *, seq: int = 0, ended: bool = False) -> None:
        """Report playback on the newest stream."""
        played = egress.Played(reply=reply, position=int(ms * MS), flushed_seq=seq, ended=ended)
        await self._tell(self._contexts[-1], played=played)

    async def _tell(self, context: Any, **message: Any) -> None:
        async with self._one_writer:
            await context.write(egress.SpeakResponse(**message))

    def audio_of(self, reply: int) -> bytes:
        """All audio given of a reply."""
        return b"".join(self._pieces.get(reply, []))

    async def ended(self, reply: int) -> audio.ReplyEnded:
        """Wait until a reply has been given whole."""
        return (await self.log.until(lambda r: r.HasField("reply_ended") and r.reply_ended.reply == reply)).reply_ended

    async def last_word(self) -> wire.StreamEnd:
        """Wait for the end of the stream."""
        return (await self.log.until(lambda r: r.HasField("end"))).end


class Vad:
    """A vad that says what the test says."""

    def __init__(self, call: Any) -> None:
        self.log: Log[broker.RespondResponse] = Log()
        self._call = call
        self._one_writer = asyncio.Lock()  # two writes at once end a call
        self._reading = asyncio.create_task(self._read())
        self._beating = asyncio.create_task(_beat(lambda: self.say(heartbeat=wire.Heartbeat())))

    async def _read(self) -> None:
        async for response in self._call:
            self.log.add(response)

    async def say(self, **message: Any) -> None:
        """Send a message of the Respond stream."""
        async with self._one_writer:
            await self._call.write(broker.RespondRequest(**message))

    async def turn(self, turn: int, *, speech_ms: int = 2000, interruption: bool = False) -> None:
        """The person speaks for 300 ms and has finished."""
        for _ in range(3):
            await self.say(audio=broker.TurnAudio(turn=turn, pcm=SPEECH))
        ended = broker.TurnEnded(turn=turn, speech_ms=speech_ms, interruption=interruption, waited_ms=300)
        await self.say(turn_ended=ended)

    async def interrupt(self, seq: int) -> None:
        """The person takes the floor."""
        kind = session.Interrupt.KIND_CANCEL
        await self.say(interrupt=session.Interrupt(seq=seq, kind=kind, cause=session.Interrupt.CAUSE_SPEECH))

    async def ready(self) -> None:
        """Wait until the broker is."""
        await self.log.until(lambda r: r.HasField("ready"))

    async def error(self, timeout_s: float = 10) -> wire.Error:
        """Wait for an error."""
        return (await self.log.until(lambda r: r.HasField("error"), timeout_s)).error

    async def last_word(self) -> wire.StreamEnd:
        """Wait for the end of the stream, and that nothing follows it."""
        end = (await self.log.until(lambda r: r.HasField("end"))).end
        await self.over()
        return end

    async def over(self, timeout_s: float = 5) -> None:
        """Wait until the broker has ended the stream, well."""
        async with asyncio.timeout(timeout_s):
            await asyncio.gather(self._reading)

    async def leave(self) -> None:
        """Break off."""
        self._call.cancel()
        self._beating.cancel()
        with suppress(asyncio.CancelledError, grpc.RpcError):
            await self._reading


async def _beat(send: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with suppress(grpc.RpcError, asyncio.InvalidStateError):
        while True:
            await asyncio.sleep(0.5)
            await send()
