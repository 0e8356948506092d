"""The desktop client at both doors of a real ingress, with a real vad behind it, and a broker that a test plays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect as connect_websocket

from clients.desktop import events
from clients.desktop.conversation import Conversation
from clients.desktop.headless import HeadlessDevice
from local.redis_server import RedisServer
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import broker_service_pb2_grpc as broker_rpc
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2_grpc as egress_rpc
from parley.v1 import stream_pb2 as wire
from parley.v1 import vad_service_pb2_grpc as vad_rpc
from services.common.agents import Agents
from services.common.channels import Channels
from services.common.rpc import bind, serve, server
from services.common.settings import Environment
from services.common.store import Store, connect
from services.common.topic import Publisher, Subscriber
from services.egress.server import EgressServer
from services.egress.speakings import Speakings
from services.ingress.call import Calls
from services.ingress.route import IngressSettings, Routes
from services.ingress.server import ConversationServer
from services.ingress.web_origin import Origins
from services.ingress.websocket import WebSocketDoor
from services.vad.content.listener import ContentModel
from services.vad.hearing import Hearing
from services.vad.judge import Judge
from services.vad.profile import read_profiles
from services.vad.server import VadServer
from services.vad.silero import SileroModel
from services.vad.smart_turn import SmartTurn

Plays = Callable[["Broker"], Any]
WORD = b"\x00\x10" * 3200
"""200 ms at 16 kHz."""


class Broker(broker_rpc.BrokerServiceServicer):
    """A broker that does what a test says, once, and keeps what it is told."""

    def __init__(self, play: Plays, hearing: wire.StreamReady.Hearing.ValueType) -> None:
        self.told: list[broker.RespondRequest] = []
        self.over = asyncio.Event()
        self._play = play
        self._hearing = hearing
        self._context: Any = None
        self._news = asyncio.Event()

    async def Respond(self, requests: AsyncIterator[broker.RespondRequest], context: Any) -> None:  # type: ignore[override]
        """Take one session to its end."""
        self._context = context
        await self.say(ready=wire.StreamReady(hearing=self._hearing))
        playing = asyncio.create_task(self._play(self))
        async for request in requests:
            self.told.append(request)
            self._news.set()
            if request.HasField("end"):
                break
        await playing
        await self.say(end=wire.StreamEnd(reason=wire.StreamEnd.REASON_DONE))
        self.over.set()

    async def say(self, **message: Any) -> None:
        """Say something to vad."""
        await self._context.write(broker.RespondResponse(**message))

    def audio(self) -> list[broker.TurnAudio]:
        """All audio so far."""
        return [request.audio for request in self.told if request.HasField("audio")]

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until what it was told makes something so."""
        while not is_so():
            self._news.clear()
            await self._news.wait()


@asynccontextmanager
async def doors(
    play: Plays, hearing: wire.StreamReady.Hearing.ValueType = wire.StreamReady.HEARING_SPEECH
) -> AsyncIterator[tuple[dict[str, str], Broker, Calls]]:
    """Both doors of an ingress whose broker plays this."""
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(RedisServer())
        store, client_of_redis = Store(connect(redis.url)), connect(redis.url)
        topic, channels, brokering = Subscriber(redis.url, store), Channels(), Broker(play, hearing)
        stack.push_async_callback(store.close)
        stack.push_async_callback(client_of_redis.aclose)
        judge = Judge(SmartTurn())
        stack.callback(judge.close)
        windows = Hearing(SileroModel(), asyncio.get_running_loop().call_soon)
        agents: Agents[Any] = read_profiles(Environment({}))
        vad = VadServer(windows, judge, ContentModel(), agents, Publisher(client_of_redis), channels)
        stages: list[tuple[Callable[[Any, Any], None], object]] = [
            (vad_rpc.add_VadServiceServicer_to_server, vad),
            (broker_rpc.add_BrokerServiceServicer_to_server, brokering),
            (egress_rpc.add_EgressServiceServicer_to_server, EgressServer(Speakings(), topic)),
        ]
        where: dict[str, str] = {}
        for name, (register, servicer) in zip(("VADS", "BROKERS", "EGRESSES"), stages, strict=True):
            stage = server()
            serve(stage, register, servicer)
            where[f"PARLEY_{name}"] = bind(stage, "127.0.0.1:0")
            await stage.start()
            stack.push_async_callback(stage.stop, 0)
        stack.push_async_callback(channels.close)
        settings = IngressSettings.read(Environment({"PARLEY_REDIS_URL": redis.url, **where}))
        calls = Calls(store, topic, Routes(settings), channels)
        grpc_door, websocket_door = server(), WebSocketDoor(calls, Origins.read(Environment({})))
        ConversationServer(calls).add_to(grpc_door)
        addresses = {"grpc": bind(grpc_door, "127.0.0.1:0")}
        await grpc_door.start()
        stack.push_async_callback(grpc_door.stop, 0)
        addresses["websocket"] = f"ws://{await websocket_door.listen('127.0.0.1:0')}"
        stack.push_async_callback(websocket_door.close)
        yield addresses, brokering, calls


SILENCE = wire.Hangup(reason=wire.Hangup.REASON_SILENCE, words="Nobody has said anything.")


async def hang_up(broker: Broker) -> None:
    """Tell of trouble with the model, twice, and hang up."""
    notice = client.Notice(code=client.Notice.CODE_MODEL_RECONNECTING, message="One moment, please.")
    await broker.say(notice=notice)
    await broker.say(notice=notice)
    await broker.say(hangup=SILENCE)


@pytest.mark.parametrize("door", ["grpc", "websocket"])
async def test_a_broker_that_hangs_up(door: str) -> None:
    """The client is told once of the trouble, then why it is over; nothing was a fault, and every stream ends well."""
    async with asyncio.timeout(30), doors(hang_up) as (addresses, broker, calls):
        async with Conversation(addresses[door], HeadlessDevice()) as conversation:
            seen = [event async for event in conversation]
        await broker.over.wait()
        notices = [event for event in seen if isinstance(event, events.Notice)]
        assert [(notice.code, notice.message) for notice in notices] == [("model_reconnecting", "One moment, please.")]
        last = seen[-1]
        assert isinstance(last, events.Closed)
        assert (last.reason, last.code) == (SILENCE.words, "silence")
        assert not [event for event in seen if isinstance(event, events.ServerError)]
        assert broker.told[-1].end.reason == wire.StreamEnd.REASON_DONE
        counters = calls.statistics()
        assert (counters["hangup_silence"], counters["model_reconnecting"]) == (1, 2)
        assert not [name for name in counters if name.startswith("fault_")]
        assert len(calls) == 0


async def test_what_goes_over_the_websocket() -> None:
    """The last text frame is Closed in JSON, and the close code is the one of a good end."""
    async with asyncio.timeout(30), doors(hang_up) as (addresses, _, _calls):
        url = f"{addresses['websocket']}/v1/converse"
        async with connect_websocket(url, proxy=None, compression=None) as connection:
            await connection.send('{"open":{"protocol":1}}')
            frames = [frame async for frame in connection]
    assert frames[-1] == '{"closed":{"reason":"Nobody has said anything.","code":"CODE_SILENCE"}}'
    assert connection.close_code == 1000


@pytest.mark.parametrize("door", ["grpc", "websocket"])
async def test_a_model_that_listens_all_the_time(door: str) -> None:
    """Over real streams: what the microphone gave is one stretch of audio from its first sample on, silence too."""

    async def wait_for_two_seconds(broker: Broker) -> None:
        await broker.until(lambda: sum(len(piece.pcm) for piece in broker.audio()) >= 64_000)
        await broker.say(hangup=SILENCE)

    hearing = wire.StreamReady.HEARING_CONTINUOUS
    async with asyncio.timeout(30), doors(wait_for_two_seconds, hearing) as (addresses, broker, _):
        device = HeadlessDevice()
        device.say(WORD)
        async with Conversation(addresses[door], device) as conversation:
            async for _event in conversation:
                pass
        await broker.over.wait()
    sent = 0
    for piece in broker.audio():
        assert piece.mic_offset == sent
        assert 0 < len(piece.pcm) <= 3_200
        sent += len(piece.pcm) // 2
    heard = b"".join(piece.pcm for piece in broker.audio())
    assert heard[: len(WORD)] == WORD
    assert len(heard) >= 64_000
