"""The real broker between peers that a test plays: vad on one side, egress on the other, a fake model, a real Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, Self

import grpc
from prometheus_client import CollectorRegistry

from local.redis_server import RedisServer
from parley.v1 import broker_service_pb2_grpc as broker_rpc
from parley.v1 import egress_service_pb2_grpc as egress_rpc
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2 as wire
from services.broker.agent import Agent, read_broker_agents
from services.broker.journal import told
from services.broker.manner import Closing
from services.broker.meter import Meter
from services.broker.model_settings import ModelSettings
from services.broker.server import BrokerServer
from services.broker.tools.declaration import FunctionTool, Toolbox
from services.common import names
from services.common.agents import Agents
from services.common.channels import Channels
from services.common.room import Room
from services.common.rpc import bind, channel, serve, server
from services.common.settings import Environment
from services.common.store import Store, connect
from tests.fakes.realtime import FakeRealtime
from tests.integration.broker_peers import MS, SPEECH, Egress, Log, Vad

__all__ = ["MS", "SPEECH", "Broker", "BrokerRing", "Egress", "Log", "Vad", "agent", "model", "ring_with"]


def model(url: str, **values: str) -> ModelSettings:
    """Settings for a model at this URL."""
    return ModelSettings.read(Environment({"PARLEY_MODEL_URL": url, **values}))


def agent(
    url: str, tools: Sequence[FunctionTool] = (), *, filler: str = "", filler_after_s: float = 1.5, **values: str
) -> Agent:
    """An agent for a model at this URL, that calls these functions; a silent person is not left alone."""
    usual = read_broker_agents(Environment({"PARLEY_MODEL_URL": url, **values})).find("")
    toolbox = Toolbox(tuple(tools), filler=filler, filler_after_s=filler_after_s)
    told = toolbox.for_model(takes_mcp=False, end_tool=False)
    manner = replace(usual.manner, closing=Closing(silence_s=0), filler=filler, filler_after_s=filler_after_s)
    return replace(usual, toolbox=toolbox, model=replace(usual.model, tools=tuple(told)), manner=manner)


class Broker:
    """One broker of a ring, as a process would be."""

    def __init__(self, brokering: BrokerServer, grpc_server: grpc.aio.Server, channels: Channels, address: str) -> None:
        self.brokering = brokering
        self.address = address
        self._server = grpc_server
        self._channels = channels
        self._to_it = channel(address)
        self.stub: broker_rpc.BrokerServiceAsyncStub = broker_rpc.BrokerServiceStub(self._to_it)

    async def kill(self) -> None:
        """Break off everything at once: nobody is told, and nothing more is written."""
        await self.brokering.close()
        await self._server.stop(0)
        await self._channels.close()
        await self._to_it.close()


class BrokerRing:
    """Brokers for one model, with their Redis and their egress. `dial` makes a vad."""

    def __init__(self, settings: ModelSettings | Agent) -> None:
        if isinstance(settings, ModelSettings):
            usual = read_broker_agents(Environment({"PARLEY_MODEL_URL": settings.url})).find("")
            can = settings.capabilities
            manner = replace(usual.manner, capabilities=can, answer_s=settings.answer_s, speculate=settings.speculate)
            settings = replace(usual, model=settings, manner=manner)
        self.agent = settings
        self.egress = Egress()
        self.egress_address = ""
        self.redis = RedisServer()
        self.store: Store
        self.broker: Broker
        self.registry = CollectorRegistry()
        self._meter = Meter(self.registry)
        self._stack = AsyncExitStack()
        self._vads: list[Vad] = []

    async def __aenter__(self) -> Self:
        """Start everything on free ports."""
        async with AsyncExitStack() as stack:
            stack.push_async_exit(self.redis.__aexit__)
            await self.redis.__aenter__()
            self.store = Store(connect(self.redis.url))
            stack.push_async_callback(self.store.close)
            self._stack = stack
            self.egress_address = await self.serve_egress(self.egress)
            await self.another_broker()
            stack.push_async_callback(self._leave)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop everything."""
        await self._stack.aclose()

    async def serve_egress(self, egress: Egress) -> str:
        """Let one more egress take calls; return its address."""
        egress_server = server()
        serve(egress_server, egress_rpc.add_EgressServiceServicer_to_server, egress)
        address = bind(egress_server, "127.0.0.1:0")
        await egress_server.start()
        self._stack.push_async_callback(egress_server.stop, 0)
        return address

    async def another_broker(self, room: Room | None = None) -> Broker:
        """Start one more broker: from now on it is the one that is dialled."""
        channels, broker_server = Channels(), server()
        agents = Agents({}, self.agent, known_only=False)
        brokering = BrokerServer(agents, self.store, channels, self._meter, room=room)
        serve(broker_server, broker_rpc.add_BrokerServiceServicer_to_server, brokering)
        address = bind(broker_server, "127.0.0.1:0")
        await broker_server.start()
        self.broker = Broker(brokering, broker_server, channels, address)
        self._stack.push_async_callback(self.broker.kill)
        return self.broker

    def opening(self, *, lease: int = 1, dial: int = 1, **fields: Any) -> wire.StreamOpen:
        """The first message of a stream."""
        route = wire.Route(egress=self.egress_address, broker=self.broker.address)
        return wire.StreamOpen(
            **{"protocol": 1, "session": "s1", "lease": lease, "dial": dial, "route": route, **fields}
        )

    async def dial(self, **first: Any) -> Vad:
        """Dial the broker; without a `first` message of its own the stream opens session s1."""
        vad = Vad(self.broker.stub.Respond())
        self._vads.append(vad)
        await vad.say(**(first or {"open": self.opening()}))
        return vad

    async def resume(self, dial: int = 2, **fields: Any) -> Vad:
        """Dial the broker again, as ingress has it: the record is written first."""
        opened = self.opening(dial=dial, resumes=True, **fields)
        await self.write_record(opened)
        return await self.dial(open=opened)

    async def write_record(self, opened: wire.StreamOpen) -> None:
        """Write down what ingress does, before it dials."""
        record = session.SessionRecord(session="s1", lease=opened.lease, dial=opened.dial, route=opened.route)
        record.opened_at_ms = int(time.time() * 1000) - 5_000
        assert await self.store.write_record(record)

    def count(self, what: str) -> float:
        """How often sessions were adopted, parked and so on, by all brokers."""
        return self.registry.get_sample_value(names.TAKEOVERS, {"agent": self.agent.name, "what": what}) or 0.0

    async def history(self, count: int) -> list[session.HistoryItem]:
        """Wait until the history in Redis has so many items that people may be told of."""
        for _ in range(500):
            if len(items := told(await self.store.history("s1"))) >= count:
                return items
            await asyncio.sleep(0.02)
        raise TimeoutError(f"history holds {len(items)} of {count} items: {items}")

    async def _leave(self) -> None:
        for vad in self._vads:
            await vad.leave()


@asynccontextmanager
async def ring_with(fake: FakeRealtime, **values: str) -> AsyncIterator[BrokerRing]:
    """A broker whose model is the fake; at the end the fake must have found nothing to complain about."""
    async with fake, BrokerRing(model(fake.url, **values)) as ring:
        yield ring
    assert fake.violations == []
