"""The gRPC face of the broker: Respond, with the model's socket and the Speak stream it dials for every session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeAlias

import grpc

from parley.v1 import broker_service_pb2 as wire
from parley.v1 import broker_service_pb2_grpc as rpc
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import egress_service_pb2_grpc as egress_rpc
from parley.v1 import stream_pb2
from services.broker.account import Account, Writer
from services.broker.agent import Agent
from services.broker.captioning import Captioning
from services.broker.conversation import Conversation
from services.broker.meter import Meter
from services.broker.model_line import ModelLine
from services.broker.reporting import Reporting
from services.broker.session import Thinking
from services.broker.tools.executor import Callers, Executor
from services.common.agents import Agents
from services.common.boundary import session_boundary
from services.common.bundle import run_together
from services.common.channels import Channels
from services.common.errors import PeerLost, Superseded
from services.common.link import Link, dialled, tell
from services.common.ownership import Ownership, checked
from services.common.store import Store

log = logging.getLogger("parley.broker")

Context: TypeAlias = "grpc.aio.ServicerContext[wire.RespondRequest, wire.RespondResponse]"

EGRESS_READY_S: Final = 5.0


class BrokerServer(rpc.BrokerServiceServicer):
    """Gives every session a conversation with its agent's model."""

    def __init__(
        self,
        agents: Agents[Agent],
        store: Store,
        channels: Channels,
        meter: Meter | None = None,
        write_turn: Writer = lambda line: None,
    ) -> None:
        self._agents = agents
        self._meter = meter or Meter()
        self._write_turn = write_turn
        for name in agents.names():
            self._meter.know(agents.find(name))
        self._store = store
        self._channels = channels
        self._sessions = Ownership()
        self._callers = Callers()
        self._reporting = Reporting()

    async def Respond(  # type: ignore[override]
        self, requests: AsyncIterator[wire.RespondRequest], context: Context
    ) -> None:
        """Think for one session."""

        async def refuse(error: stream_pb2.Error) -> None:
            await tell(context.write, wire.RespondResponse(error=error))

        async with session_boundary(log, "Respond", refuse):
            first = await anext(requests, wire.RespondRequest())
            opened = checked(first.WhichOneof("message"), first.open)
            await self._respond(self._agents.find(opened.agent), opened, requests, context)

    async def _respond(
        self,
        agent: Agent,
        opened: stream_pb2.StreamOpen,
        requests: AsyncIterator[wire.RespondRequest],
        context: Context,
    ) -> None:
        core = Conversation(agent.manner)
        account = Account(self._meter, self._write_turn, agent, opened, core)
        thinking = Thinking(opened.session, core, account=account)
        async with AsyncExitStack() as stack:
            superseded = Superseded("another stream took the session")
            stack.enter_context(self._sessions.claim(opened, lambda: thinking.close(superseded)))
            stack.enter_context(account)
            speak = egress_rpc.EgressServiceStub(self._channels.trunk(opened.route.egress)).Speak()
            to_egress = stack.enter_context(dialled("egress", speak, thinking.to_egress, _egress_beat))
            thinking.to_egress.control(egress.SpeakRequest(open=opened))
            from_vad = Link("vad", requests, context.write, thinking.to_vad, _vad_beat, give_up=thinking.close)
            background = [
                ModelLine(thinking, agent.model).run(),
                thinking.run_tools(Executor(agent.toolbox, self._callers), agent.name),
                thinking.tick(),
                _announce(thinking, agent),
            ]
            hear = thinking.from_vad
            if agent.captions is not None:
                captioning = Captioning(thinking, agent.captions)
                background.append(captioning.run())
                hear = captioning.from_vad
            links = [from_vad.run(hear), to_egress.run(thinking.from_egress)]
            keeping = await stack.enter_async_context(_running(thinking.notes.keep(self._store)))
            fault = await run_together(links, background, thinking.close)
            await thinking.notes.kept(keeping)
        log.info("session %s ended: %s; %s", opened.session, fault.detail if fault else "well", core.tally)
        if not isinstance(fault, Superseded):
            self._reporting.report(agent, thinking, fault)

    async def close(self) -> None:
        """Send the reports that are still to be sent, and let go of the tools' connections."""
        await self._reporting.close()
        await self._callers.close()


async def _announce(thinking: Thinking, agent: Agent) -> None:
    """Say that model and egress are ready; then wait for ever."""
    try:
        async with asyncio.timeout(EGRESS_READY_S):
            await thinking.egress_ready.wait()
    except TimeoutError:
        raise PeerLost("egress", f"it was not ready within {EGRESS_READY_S:g} s") from None
    await thinking.model_ready.wait()
    listens = agent.manner.listens_always
    hearing = stream_pb2.StreamReady.HEARING_CONTINUOUS if listens else stream_pb2.StreamReady.HEARING_SPEECH
    thinking.to_vad.control(wire.RespondResponse(ready=stream_pb2.StreamReady(hearing=hearing)))
    await asyncio.Event().wait()


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run a task that ends with the block, at the latest."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        yield task
        task.cancel()


def _egress_beat(number: int) -> egress.SpeakRequest:
    return egress.SpeakRequest(heartbeat=stream_pb2.Heartbeat(beat=number))


def _vad_beat(number: int) -> wire.RespondResponse:
    return wire.RespondResponse(heartbeat=stream_pb2.Heartbeat(beat=number))
