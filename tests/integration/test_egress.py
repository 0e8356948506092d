"""Egress over real gRPC: its streams break, are replaced and sent away, and the reply goes on at the very sample."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from parley.v1 import audio_pb2 as audio
from parley.v1 import egress_service_pb2 as wire
from parley.v1 import egress_service_pb2_grpc as rpc
from parley.v1 import stream_pb2
from services.common.channels import Channels
from services.common.ownership import PROTOCOL
from services.common.rpc import bind, serve, server
from services.common.store import Store
from services.common.topic import Subscriber
from services.common.trunk import StrandBroken
from services.egress.server import EgressServer
from services.egress.speakings import Speakings
from tests.fakes.eventually import eventually
from tests.unit.egress.sounds import HZ, cancel, pcm, piece

NOWHERE = "redis://127.0.0.1:1/0"


def opened(dial: int = 1) -> stream_pb2.StreamOpen:
    """Return how every stream of the session opens."""
    return stream_pb2.StreamOpen(protocol=PROTOCOL, session="s", lease=7, dial=dial, resumes=dial > 1)


@dataclass
class Stream:
    """One end of a stream to egress, and what came by it."""

    call: Any
    got: list[Any] = field(default_factory=list)
    ended: list[stream_pb2.StreamEnd] = field(default_factory=list)
    reader: asyncio.Task[None] | None = None

    async def read(self) -> None:
        """Read until it ends, or breaks."""
        try:
            async for message in self.call:
                if message.WhichOneof("message") == "end":
                    self.ended.append(message.end)
                elif message.WhichOneof("message") != "heartbeat":
                    self.got.append(message)
        except StrandBroken:
            pass

    def kinds(self) -> list[str]:
        """Return what came."""
        return [message.WhichOneof("message") for message in self.got]

    def samples(self) -> list[tuple[int, int]]:
        """Return the pieces of audio that came, as (position, end); each must be what was given."""
        pieces = [message.audio for message in self.got if message.WhichOneof("message") == "audio"]
        assert all(each.pcm == pcm(each.position, len(each.pcm) // 2) for each in pieces)
        return [(each.position, each.position + len(each.pcm) // 2) for each in pieces]

    async def until(self, kind: str) -> Any:
        """Wait for a message of a kind and return it."""
        await eventually(lambda: kind in self.kinds())
        return getattr(next(message for message in self.got if message.WhichOneof("message") == kind), kind)

    def break_off(self) -> None:
        """Go without a last word, as a process does that is killed."""
        self.call.cancel()


class House:
    """An egress, and those who call it by one trunk."""

    def __init__(self, speakings: Speakings, address: str) -> None:
        self.speakings = speakings
        self._channels = Channels()
        self._stub = rpc.EgressServiceStub(self._channels.trunk(address))
        self._streams: list[Stream] = []

    async def speak(self, dial: int = 1) -> Stream:
        """Open a broker's stream."""
        return await self._begin(self._stub.Speak(), wire.SpeakRequest(open=opened(dial)))

    async def attach(self, dial: int = 1, position: int = 0) -> Stream:
        """Open an ingress's stream that wants reply 1 from `position` on."""
        wanted = audio.Playhead(reply=1, position=position) if position else None
        return await self._begin(
            self._stub.Attach(), wire.AttachRequest(open=wire.AttachOpen(open=opened(dial), next=wanted))
        )

    async def _begin(self, call: Any, first: Any) -> Stream:
        stream = Stream(call)
        self._streams.append(stream)
        stream.reader = asyncio.create_task(stream.read())
        await call.write(first)
        return stream

    async def close(self) -> None:
        """Leave."""
        for stream in self._streams:
            stream.break_off()
        await asyncio.gather(*(stream.reader for stream in self._streams if stream.reader is not None))
        await self._channels.close()


@asynccontextmanager
async def house() -> AsyncIterator[House]:
    """Serve egress."""
    speakings, grpc_server = Speakings(), server()
    topic = Subscriber(NOWHERE, Store(Redis.from_url(NOWHERE)))
    serve(grpc_server, rpc.add_EgressServiceServicer_to_server, EgressServer(speakings, topic))
    address = bind(grpc_server, "127.0.0.1:0")
    await grpc_server.start()
    ticker = asyncio.create_task(speakings.run())
    callers = House(speakings, address)
    try:
        yield callers
    finally:
        await callers.close()
        ticker.cancel()
        await grpc_server.stop(0)


def reaches(stream: Stream, position: int) -> Callable[[], bool]:
    """Return what says whether audio has come up to a position."""
    return lambda: bool(stream.samples()) and stream.samples()[-1][1] >= position


async def give(broker: Stream, start: int, samples: int) -> None:
    """Give a part of reply 1."""
    await broker.call.write(wire.SpeakRequest(audio=piece(1, start, samples)))


async def test_a_reply_outlives_its_broker() -> None:
    """It is played on; the next broker learns what is held, gives the rest, and no sample is missing or twice."""
    async with house() as egress:
        ingress, first = await egress.attach(), await egress.speak()
        await give(first, 0, HZ)
        await ingress.until("audio")
        first.break_off()
        await eventually(reaches(ingress, HZ))
        second = await egress.speak(dial=2)
        held = await second.until("held")
        assert second.kinds()[:2] == ["ready", "held"]
        assert [(each.reply, each.samples, each.complete) for each in held.replies] == [(1, HZ, False)]
        await give(second, HZ // 2, HZ)
        ended = audio.ReplyEnded(reply=1, samples=HZ * 3 // 2)
        await second.call.write(wire.SpeakRequest(reply_ended=ended))
        await ingress.until("reply_ended")
        pieces = ingress.samples()
        assert [end for _, end in pieces[:-1]] == [start for start, _ in pieces[1:]]
        assert (pieces[0][0], pieces[-1][1]) == (0, HZ * 3 // 2)


async def test_a_reply_waits_for_its_listener() -> None:
    """Nothing of it is run down while ingress is away, and it goes on from the sample that the next one wants."""
    async with house() as egress:
        broker, first = await egress.speak(), await egress.attach()
        await broker.call.write(wire.SpeakRequest(interrupt=cancel(3, floor=0)))
        await give(broker, 0, 3 * HZ)
        await first.until("audio")
        first.break_off()
        await eventually(lambda: egress.speakings._sessions["s"].to_ingress is None)
        await asyncio.sleep(0.5)
        second = await egress.attach(dial=2, position=1_000)
        await second.until("audio")
        start, end = second.samples()[0]
        assert start == 1_000
        assert 2_300 < end - start < 2_500, "one lead, however long it waited"


async def test_a_session_that_both_have_left_is_found_again() -> None:
    """Its replies, its floor, and whatever else was known."""
    async with house() as egress:
        broker, ingress = await egress.speak(), await egress.attach()
        await give(broker, 0, HZ)
        await ingress.until("audio")
        await broker.call.write(wire.SpeakRequest(interrupt=cancel(5, floor=1)))
        await ingress.until("interrupt")
        for stream in (broker, ingress):
            stream.break_off()
        await eventually(lambda: egress.speakings._sessions["s"].is_deserted)
        fresh, listening = await egress.speak(dial=2), await egress.attach(dial=2)
        held = await fresh.until("held")
        assert (held.seq, held.floor, held.replies[0].dead) == (5, 1, True)
        told = await listening.until("interrupt")
        assert (told.seq, told.floor) == (5, 1)


async def test_a_session_that_is_over_is_forgotten() -> None:
    """An end is an end, whoever says it first."""
    async with house() as egress:
        broker, ingress = await egress.speak(), await egress.attach()
        await broker.until("held")
        await ingress.until("ready")
        done = stream_pb2.StreamEnd(reason=stream_pb2.StreamEnd.REASON_DONE)
        await ingress.call.write(wire.AttachRequest(end=done))
        broker.break_off()
        await eventually(lambda: len(egress.speakings) == 0)


async def test_who_was_replaced_is_told_and_refused() -> None:
    """The stream of the lower dial ends as superseded, and one that comes late is told the same."""
    async with house() as egress:
        first = await egress.speak(dial=2)
        await first.until("held")
        second = await egress.speak(dial=3)
        await second.until("held")
        await eventually(lambda: bool(first.ended))
        assert first.ended[0].reason == stream_pb2.StreamEnd.REASON_SUPERSEDED
        late = await egress.speak(dial=2)
        error = await late.until("error")
        assert error.code == stream_pb2.Error.CODE_SUPERSEDED
        assert not second.ended


async def test_an_egress_that_stops_sends_everybody_elsewhere() -> None:
    """Both streams end as draining, not as broken, and nobody new is taken."""
    async with house() as egress:
        broker, ingress = await egress.speak(), await egress.attach()
        await broker.until("held")
        await ingress.until("ready")
        await egress.speakings.drain()
        for stream in (broker, ingress):
            await eventually(lambda stream=stream: bool(stream.ended))  # type: ignore[misc]
            assert stream.ended[0].reason == stream_pb2.StreamEnd.REASON_DRAINING
        error = await (await egress.attach(dial=2)).until("error")
        assert error.retryable
        assert error.code == stream_pb2.Error.CODE_FULL
