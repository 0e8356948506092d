"""Takeover at vad over real gRPC: another ingress, another vad, another broker; and a vad that stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final

import grpc
import pytest

from parley.v1 import audio_pb2 as audio
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import broker_service_pb2_grpc as broker_rpc
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import stream_pb2 as wire
from parley.v1 import vad_service_pb2 as vad
from parley.v1 import vad_service_pb2_grpc as vad_rpc
from services.common.channels import Channels
from services.common.rpc import bind, channel, serve, server
from services.common.settings import Environment
from services.common.store import connect
from services.common.topic import Publisher
from services.common.trunk import StrandBroken
from services.vad import stay
from services.vad.content.listener import ContentModel
from services.vad.hearing import Hearing
from services.vad.judge import Judge
from services.vad.profile import read_profiles
from services.vad.server import VadServer
from services.vad.silero import SileroModel
from services.vad.smart_turn import SmartTurn
from tests.integration.broker_peers import Log

End = wire.StreamEnd
MS: Final = 16
QUIET: Final = b"\x01\x00\xff\xff" * 160


class Stream:
    """One Respond stream, as the broker has it."""

    def __init__(self, opened: wire.StreamOpen, context: Any) -> None:
        self.opened = opened
        self.log: Log[broker.RespondRequest] = Log()
        self._context = context
        self._one_writer = asyncio.Lock()

    async def say(self, **message: Any) -> None:
        """Tell vad something."""
        async with self._one_writer:
            with suppress(asyncio.InvalidStateError, grpc.RpcError):
                await self._context.write(broker.RespondResponse(**message))

    async def last_word(self) -> wire.StreamEnd:
        """Wait for the end of the stream."""
        return (await self.log.until(lambda request: request.HasField("end"))).end


class Broker(broker_rpc.BrokerServiceServicer):
    """A broker that is ready at once, keeps what it is told, and knows of a past what the test says."""

    def __init__(self) -> None:
        self.past = wire.Past()
        self.streams: Log[Stream] = Log()

    async def Respond(self, requests: AsyncIterator[broker.RespondRequest], context: Any) -> None:  # type: ignore[override]
        """Take a stream until it ends; the session's one before is superseded."""
        stream = Stream((await anext(requests)).open, context)
        for before in self.streams.messages:
            if before.opened.session == stream.opened.session:
                await before.say(end=End(reason=End.REASON_SUPERSEDED))
        self.streams.add(stream)
        await stream.say(ready=wire.StreamReady(past=self.past if stream.opened.resumes else None))
        beating = asyncio.create_task(_beat(lambda: stream.say(heartbeat=wire.Heartbeat())))
        with suppress(StrandBroken):
            async for request in requests:
                stream.log.add(request)
                if request.HasField("end"):
                    break
        beating.cancel()

    async def stream(self, number: int) -> Stream:
        """Wait for a stream, counted from 1."""
        await self.streams.until(lambda _: len(self.streams.messages) >= number)
        return self.streams.messages[number - 1]


class Ingress:
    """An ingress that says what the test says."""

    def __init__(self, call: Any) -> None:
        self.log: Log[vad.ListenResponse] = Log()
        self._call = call
        self._one_writer = asyncio.Lock()
        self._reading = asyncio.create_task(self._read())
        self._beating = asyncio.create_task(_beat(lambda: self.say(heartbeat=wire.Heartbeat())))

    async def _read(self) -> None:
        async for response in self._call:
            self.log.add(response)

    async def say(self, **message: Any) -> None:
        """Send a message of the Listen stream."""
        async with self._one_writer:
            await self._call.write(vad.ListenRequest(**message))

    async def sound(self, since_ms: int, ms: int) -> None:
        """Send what a quiet microphone hears."""
        for at_ms in range(since_ms, since_ms + ms, 20):
            await self.say(audio=audio.AudioFrame(mic_offset=at_ms * MS, pcm=QUIET))

    async def ready(self) -> int:
        """Wait until vad is, and return from where on it hears."""
        return (await self.log.until(lambda response: response.HasField("ready"))).ready.hear_from

    async def received(self, ms: int) -> None:
        """Wait until vad has received so much."""
        await self.log.until(lambda response: response.heard.received_offset >= ms * MS)

    async def last_word(self) -> wire.StreamEnd:
        """Wait for the end of the stream."""
        return (await self.log.until(lambda response: response.HasField("end"))).end

    async def crash(self) -> None:
        """Be gone without a word."""
        self._beating.cancel()
        self._call.cancel()
        with suppress(asyncio.CancelledError, grpc.RpcError):
            await self._reading


async def _beat(send: Any) -> None:
    with suppress(grpc.RpcError, asyncio.InvalidStateError):
        while True:
            await asyncio.sleep(0.5)
            await send()


class Ring:
    """Two vads and a broker. `dial` makes an ingress."""

    def __init__(self) -> None:
        self.broker = Broker()
        self.vads: list[VadServer] = []
        self.ingresses: list[Ingress] = []
        self._stubs: list[Any] = []
        self._broker_server = server()
        self.broker_address = ""

    @asynccontextmanager
    async def running(self, parked_s: float) -> AsyncIterator[Ring]:
        """Run it."""
        async with AsyncExitStack() as stack:
            serve(self._broker_server, broker_rpc.add_BrokerServiceServicer_to_server, self.broker)
            self.broker_address = bind(self._broker_server, "127.0.0.1:0")
            await self._broker_server.start()
            stack.push_async_callback(self._broker_server.stop, 0)
            channels = Channels()
            stack.push_async_callback(channels.close)
            hearing = Hearing(SileroModel(), asyncio.get_running_loop().call_soon)
            judge, content = Judge(SmartTurn()), ContentModel()
            stack.callback(judge.close)
            topic = Publisher(connect("redis://127.0.0.1:1"))
            for _ in range(2):
                served = VadServer(hearing, judge, content, read_profiles(Environment({})), topic, channels, parked_s)
                vad_server = server()
                serve(vad_server, vad_rpc.add_VadServiceServicer_to_server, served)
                address = bind(vad_server, "127.0.0.1:0")
                await vad_server.start()
                stack.push_async_callback(vad_server.stop, 0)
                self._stubs.append(vad_rpc.VadServiceStub(await stack.enter_async_context(channel(address))))
                self.vads.append(served)
            yield self
            for ingress in self.ingresses:
                await ingress.crash()

    async def dial(self, number: int = 0, *, lease: int = 1, dial: int = 1, **fields: Any) -> Ingress:
        """Dial a vad."""
        ingress = Ingress(self._stubs[number].Listen())
        self.ingresses.append(ingress)
        route = wire.Route(broker=self.broker_address, egress="somewhere")
        opened = wire.StreamOpen(
            **{"protocol": 1, "session": "s1", "lease": lease, "dial": dial, "route": route, **fields}
        )
        await ingress.say(open=opened)
        return ingress

    async def lose_broker(self) -> None:
        """The broker is gone."""
        await self._broker_server.stop(0)


async def until_parked(served: VadServer) -> None:
    """Wait until a session waits for its ingress."""
    for _ in range(1_000):
        if served.parked:
            return
        await asyncio.sleep(0.01)
    raise TimeoutError("no session was parked")


@pytest.fixture
async def ring() -> AsyncIterator[Ring]:
    """A ring whose parked sessions wait for long."""
    async with Ring().running(40) as running:
        yield running


async def test_a_session_goes_on_with_another_ingress(ring: Ring) -> None:
    """The turn that was under way is the same, on the same stream to the broker; sound goes on where it stopped."""
    first = await ring.dial()
    assert await first.ready() == 0
    await first.say(push_to_talk=client.PushToTalk(pressed=True))
    await first.sound(0, 2_000)
    await first.received(2_000)
    await first.crash()
    await until_parked(ring.vads[0])
    second = await ring.dial(lease=2, resumes=True, seq=7)
    assert await second.ready() == 2_000 * MS
    await second.sound(1_500, 1_500)
    await second.say(push_to_talk=client.PushToTalk(pressed=False))
    stream = await ring.broker.stream(1)
    await stream.log.until(lambda request: request.HasField("turn_ended"))
    pieces = [request.audio for request in stream.log.messages if request.HasField("audio")]
    assert sum(len(piece.pcm) for piece in pieces) == 3_000 * MS * 2
    assert [request.open.lease for request in stream.log.messages if request.HasField("open")] == [2]
    assert len(ring.broker.streams.messages) == 1
    assert ring.vads[0].counters["adopted"] == 1
    await second.say(end=End(reason=End.REASON_DONE))
    assert (await stream.last_word()).reason == End.REASON_DONE
    assert (await second.last_word()).reason == End.REASON_DONE


async def test_an_ingress_is_replaced_while_it_is_still_there(ring: Ring) -> None:
    """One that has only slept learns that the session is another's now."""
    first = await ring.dial()
    await first.ready()
    second = await ring.dial(lease=2, resumes=True)
    assert (await first.last_word()).reason == End.REASON_SUPERSEDED
    await second.ready()
    late = await ring.dial(lease=1, dial=9, resumes=True)
    error = (await late.log.until(lambda response: response.HasField("error"))).error
    assert error.code == wire.Error.CODE_SUPERSEDED
    await second.say(say=client.Say(text="hello", id="n"))
    await (await ring.broker.stream(1)).log.until(lambda request: request.typed.id == "n")


@pytest.mark.parametrize("number", [0, 1], ids=["the same vad", "another vad"])
async def test_a_session_begins_again_from_what_the_broker_knows(ring: Ring, number: int) -> None:
    """Dialled again under the same lease: a new core, on a new stream to the broker; the one before is over."""
    first = await ring.dial()
    await first.ready()
    await first.sound(0, 3_000)
    ring.broker.past = wire.Past(turn=4, decided_offset=60_000 * MS, seq=8)
    second = await ring.dial(number, dial=2, resumes=True, seq=30)
    assert await second.ready() == 58_000 * MS
    assert (await first.last_word()).reason == End.REASON_SUPERSEDED
    stream = await ring.broker.stream(2)
    assert (stream.opened.dial, stream.opened.resumes) == (2, True)
    await second.sound(58_000, 3_000)
    await second.say(say=client.Say(text="hello", id="n"))
    typed = (await stream.log.until(lambda request: request.HasField("typed"))).typed
    assert (typed.turn, typed.mic_offset) == (5, 61_000 * MS)
    assert ring.vads[number].counters["takeovers_vad"] == 1


async def test_a_minute_sent_at_once_is_heard(ring: Ring) -> None:
    """All of it, in order, while vad goes on with everything else."""
    ring.broker.past = wire.Past(turn=1, decided_offset=10_000 * MS)
    ingress = await ring.dial(dial=2, resumes=True)
    assert await ingress.ready() == 8_000 * MS
    await ingress.sound(8_000, 60_000)
    await ingress.say(say=client.Say(text="hello", id="n"))
    typed = await (await ring.broker.stream(1)).log.until(lambda request: request.HasField("typed"), 30)
    assert typed.typed.mic_offset == 68_000 * MS


async def test_a_lost_broker_is_told_and_another_vad_may_go_on(ring: Ring) -> None:
    """Ingress learns which stage it was, and that nothing is kept here."""
    ingress = await ring.dial()
    await ingress.ready()
    await ring.lose_broker()
    assert (await ingress.last_word()).reason == End.REASON_DRAINING
    lost = [response.peer_lost for response in ingress.log.messages if response.HasField("peer_lost")]
    assert [each.stage for each in lost] == ["broker"]
    assert not ring.vads[0].parked


async def test_a_session_that_nobody_goes_on_with_ends() -> None:
    """The broker is told that it is over, and why."""
    async with Ring().running(1) as ring:
        ingress = await ring.dial()
        await ingress.ready()
        await ingress.crash()
        end = await (await ring.broker.stream(1)).last_word()
        assert (end.reason, end.detail) == (End.REASON_DONE, "nobody came back")


async def test_a_vad_that_stops_leaves_its_sessions_to_another(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quiet one at once, one in mid-turn when it has waited for long enough, a parked one, too; and takes no more."""
    monkeypatch.setattr(stay, "QUIET_S", 0.3)
    quiet = await ring.dial(session="quiet")
    busy = await ring.dial(session="busy")
    parked = await ring.dial(session="parked")
    for ingress in (quiet, busy, parked):
        await ingress.ready()
    await parked.crash()
    await until_parked(ring.vads[0])
    await busy.say(push_to_talk=client.PushToTalk(pressed=True))
    await (await ring.broker.stream(2)).log.until(lambda request: request.HasField("speech_started"))
    await ring.vads[0].drain()
    for ingress in (quiet, busy):
        assert (await ingress.last_word()).reason == End.REASON_DRAINING
    for stream in ring.broker.streams.messages:
        assert (await stream.last_word()).reason == End.REASON_SUPERSEDED
    late = await ring.dial(session="late")
    error = (await late.log.until(lambda response: response.HasField("error"))).error
    assert (error.code, error.retryable) == (wire.Error.CODE_FULL, True)
