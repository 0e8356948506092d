"""A stage for takeovers of ingress: real doors, a real Redis, and vads and egresses that do what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self

import grpc

from local.redis_server import RedisServer
from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import egress_service_pb2_grpc as egress_rpc
from parley.v1 import session_pb2, stream_pb2
from parley.v1 import vad_service_pb2 as vad
from parley.v1 import vad_service_pb2_grpc as vad_rpc
from services.common.channels import Channels
from services.common.rpc import bind, serve, server
from services.common.settings import Environment
from services.common.store import Store, connect
from services.common.topic import Subscriber
from services.ingress.call import Calls
from services.ingress.limits import Limits
from services.ingress.route import IngressSettings, Routes
from services.ingress.server import ConversationServer
from services.ingress.web_origin import Origins
from services.ingress.websocket import WebSocketDoor
from tests.integration.bad_input.raw_caller import RawCaller, raw_caller

PATIENCE_S = 20.0
FRAME = 320
READY = stream_pb2.StreamReady
BROKERS = ("broker-1:1", "broker-2:1")
"""Nobody dials them here: the vads are played."""


async def until(happened: Callable[[], Any]) -> Any:
    """Wait until something is so, and return what it was."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := happened()):  # noqa: ASYNC110 - what happens has no event for it
            await asyncio.sleep(0.01)
    return found


@dataclass
class Stream:
    """One stream that ingress has dialled, and what came by it."""

    opened: stream_pb2.StreamOpen
    first: Any
    write: Callable[[Any], Any]
    received: list[Any] = field(default_factory=list)
    over: bool = False
    ending: asyncio.Event = field(default_factory=asyncio.Event)

    def of(self, kind: str) -> list[Any]:
        """Return what came of a kind."""
        return [getattr(message, kind) for message in self.received if message.WhichOneof("message") == kind]

    def heard(self) -> list[tuple[int, int]]:
        """Return where each frame and gap began and ended."""
        spans = [(each.mic_offset, each.mic_offset + len(each.pcm) // 2) for each in self.of("audio")]
        return sorted(spans + [(each.mic_offset, each.mic_offset + each.ms * 16) for each in self.of("gap")])

    def assert_gapless(self, start: int, end: int) -> None:
        """It heard every sample from one to the other, once."""
        at = start
        for begins, ends in self.heard():
            assert begins == at, (begins, at)
            at = ends
        assert at >= end


class Played:
    """A vad or an egress: each stream is answered by `answer`, which says what a good one would unless it is set."""

    def __init__(self, request: Any, response: Any) -> None:
        self.streams: list[Stream] = []
        self.answer: Callable[[Stream], Any] = self.welcome
        self.ready = READY()
        self.address = ""
        self._request = request
        self._response = response
        self._server: grpc.aio.Server | None = None

    @property
    def last(self) -> Stream:
        """The stream dialled last."""
        return self.streams[-1]

    async def welcome(self, stream: Stream) -> None:
        """Be ready."""
        await stream.write(self._response(ready=self.ready))

    def refuse(self, code: stream_pb2.Error.Code.ValueType, *, retryable: bool = True) -> None:
        """Answer every stream with an error from now on."""

        async def answer(stream: Stream) -> None:
            await stream.write(self._response(error=stream_pb2.Error(code=code, message="no", retryable=retryable)))
            stream.ending.set()

        self.answer = answer

    def be_silent(self) -> None:
        """Never be ready."""

        async def answer(stream: Stream) -> None:
            del stream

        self.answer = answer

    async def begin(self) -> Self:
        """Listen."""
        self._server = server()
        self.register(self._server)
        self.address = bind(self._server, self.address or "127.0.0.1:0")
        await self._server.start()
        return self

    async def crash(self) -> None:
        """Go without a word."""
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    def register(self, at: grpc.aio.Server) -> None:
        """Serve at a server."""
        raise NotImplementedError

    async def say(self, **message: Any) -> None:
        """Send a message by the last stream."""
        await self.last.write(self._response(**message))

    async def part(self, reason: stream_pb2.StreamEnd.Reason.ValueType) -> None:
        """End the last stream."""
        await self.say(end=stream_pb2.StreamEnd(reason=reason))
        self.last.ending.set()

    async def serve(self, requests: AsyncIterator[Any], context: Any) -> None:
        """Play one stream."""
        first = await anext(requests)
        opened = first.open.open if isinstance(first, egress.AttachRequest) else first.open
        stream = Stream(opened, first, context.write)
        self.streams.append(stream)
        tasks = [
            asyncio.create_task(each)
            for each in (self._read(requests, stream), self._beat(stream), stream.ending.wait())
        ]
        await self.answer(stream)
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        stream.over = True

    async def _read(self, requests: AsyncIterator[Any], stream: Stream) -> None:
        async for request in requests:
            stream.received.append(request)

    async def _beat(self, stream: Stream) -> None:
        while True:
            await asyncio.sleep(0.5)
            await stream.write(self._response(heartbeat=stream_pb2.Heartbeat()))


class PlayedVad(Played, vad_rpc.VadServiceServicer):
    """A vad."""

    def __init__(self) -> None:
        super().__init__(vad.ListenRequest, vad.ListenResponse)

    def register(self, at: grpc.aio.Server) -> None:
        """Serve at a server."""
        serve(at, vad_rpc.add_VadServiceServicer_to_server, self)

    async def Listen(self, requests: AsyncIterator[vad.ListenRequest], context: Any) -> None:  # type: ignore[override]
        """Play one stream."""
        await self.serve(requests, context)


class PlayedEgress(Played, egress_rpc.EgressServiceServicer):
    """An egress."""

    def __init__(self) -> None:
        super().__init__(egress.AttachRequest, egress.AttachResponse)

    def register(self, at: grpc.aio.Server) -> None:
        """Serve at a server."""
        serve(at, egress_rpc.add_EgressServiceServicer_to_server, self)

    async def Speak(self, requests: AsyncIterator[egress.SpeakRequest], context: Any) -> None:  # type: ignore[override]
        """Nobody calls it."""
        raise NotImplementedError

    async def Attach(  # type: ignore[override]
        self, requests: AsyncIterator[egress.AttachRequest], context: Any
    ) -> None:
        """Play one stream."""
        await self.serve(requests, context)

    async def play(self, reply: int, start: int, end: int) -> None:
        """Send [start, end) of a reply, whose samples are their positions."""
        for at in range(start, end, 480):
            pcm = b"".join((position % 30_000).to_bytes(2, "little") for position in range(at, min(at + 480, end)))
            await self.say(audio=audio.ReplyAudio(reply=reply, position=at, pcm=pcm))


@dataclass
class Ingress:
    """One ingress, in this process, with its two doors."""

    calls: Calls
    ingress: str
    websocket: str


@dataclass
class Stage:
    """Two vads and two egresses behind as many ingresses as are begun."""

    redis_url: str
    store: Store
    vads: list[PlayedVad]
    egresses: list[PlayedEgress]
    stack: AsyncExitStack

    def serving(self, players: list[Any]) -> Any:
        """Return the one that was dialled last."""
        return max(players, key=lambda player: max((s.opened.lease, s.opened.dial) for s in player.streams or [NONE]))

    @property
    def vad(self) -> PlayedVad:
        """The vad of the moment."""
        return self.serving(self.vads)  # type: ignore[no-any-return]

    @property
    def egress(self) -> PlayedEgress:
        """The egress of the moment."""
        return self.serving(self.egresses)  # type: ignore[no-any-return]

    async def ingress(self, limits: Limits | None = None) -> Ingress:
        """Begin an ingress."""
        env = Environment(
            {
                "PARLEY_VADS": ",".join(each.address for each in self.vads),
                "PARLEY_BROKERS": ",".join(BROKERS),
                "PARLEY_EGRESSES": ",".join(each.address for each in self.egresses),
            }
        )
        channels = Channels()
        topic = Subscriber(self.redis_url, self.store)
        routes = Routes(IngressSettings.read(env))
        at = server()
        address = bind(at, "127.0.0.1:0")
        calls = Calls(self.store, topic, routes, channels, limits, address)
        ConversationServer(calls).add_to(at)
        door = WebSocketDoor(calls, Origins(frozenset()))
        await at.start()
        url = f"ws://{await door.listen('127.0.0.1:0')}/v1/converse"
        background = [asyncio.create_task(each) for each in (topic.run(), calls.run())]

        async def stop() -> None:
            door.drain()
            await calls.drain()
            await asyncio.gather(at.stop(grace=1.0), door.close())
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await channels.close()
            await topic.close()

        self.stack.push_async_callback(stop)
        return Ingress(calls, address, url)

    async def record(self, session: str) -> session_pb2.SessionRecord:
        """Return a session's record."""
        record = await self.store.read_record(session)
        assert record is not None
        return record


NONE = Stream(stream_pb2.StreamOpen(), None, lambda message: None)


@asynccontextmanager
async def stage(vads: int = 2, egresses: int = 2) -> AsyncIterator[Stage]:
    """Set the stage."""
    async with RedisServer() as redis, AsyncExitStack() as stack:
        store = Store(connect(redis.url))
        stack.push_async_callback(store.close)
        set_ = Stage(
            redis.url, store, [PlayedVad() for _ in range(vads)], [PlayedEgress() for _ in range(egresses)], stack
        )
        for player in (*set_.vads, *set_.egresses):
            await player.begin()
            stack.push_async_callback(player.crash)
        yield set_


class Speaker:
    """A client that speaks all the time, and keeps what it has said."""

    def __init__(self, caller: RawCaller, start: int = 0) -> None:
        self.caller = caller
        self.mic_offset = start
        self._is_speaking = True
        self._task = asyncio.create_task(self._speak())

    async def _speak(self) -> None:
        while self._is_speaking:
            await self.say()
            await asyncio.sleep(0.02)

    async def say(self, samples: int = FRAME) -> None:
        """Send a frame."""
        pcm = b"".join((at % 30_000).to_bytes(2, "little") for at in range(self.mic_offset, self.mic_offset + samples))
        frame = audio.AudioFrame(mic_offset=self.mic_offset, pcm=pcm)
        self.mic_offset += samples
        await self.caller.send(client.ConverseRequest(audio=frame))

    async def stop(self) -> None:
        """Say no more. A frame under way is let go first: cancelling a write ends its call."""
        self._is_speaking = False
        await asyncio.wait([self._task], timeout=1)
        self._task.cancel()
        await asyncio.wait([self._task])


@asynccontextmanager
async def calling(ingress: Ingress, door: str = "grpc", **opened: Any) -> AsyncIterator[RawCaller]:
    """Call, and wait for Opened."""
    async with raw_caller(door, ingress) as caller:  # type: ignore[arg-type]
        await caller.opens(**opened)
        yield caller


def told(caller: RawCaller, kind: str) -> list[Any]:
    """Return what a caller was told of a kind."""
    return [getattr(each, kind) for each in caller.responses if each.HasField(kind)]  # type: ignore[arg-type]


@asynccontextmanager
async def speaking(caller: RawCaller, start: int = 0) -> AsyncIterator[Speaker]:
    """Let a client speak meanwhile."""
    speaker = Speaker(caller, start)
    try:
        yield speaker
    finally:
        with suppress(Exception):
            await speaker.stop()
