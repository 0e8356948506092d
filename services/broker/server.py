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
from services.broker.conversation import Conversation
from services.broker.realtime import model_session
from services.broker.session import Thinking
from services.broker.settings import ModelSettings
from services.common.boundary import session_boundary
from services.common.bundle import run_together
from services.common.channels import Channels
from services.common.errors import ParleyError, PeerLost, Superseded
from services.common.link import Link, dialled, first_of, tell
from services.common.ownership import Ownership, checked
from services.common.store import Store

log = logging.getLogger("parley.broker")

Context: TypeAlias = "grpc.aio.ServicerContext[wire.RespondRequest, wire.RespondResponse]"

EGRESS_READY_S: Final = 5.0


class BrokerServer(rpc.BrokerServiceServicer):
    """Gives every session a conversation with the model."""

    def __init__(self, model: ModelSettings, store: Store, channels: Channels) -> None:
        self._model = model
        self._store = store
        self._channels = channels
        self._sessions = Ownership()

    async def Respond(  # type: ignore[override]
        self, requests: AsyncIterator[wire.RespondRequest], context: Context
    ) -> None:
        """Think for one session."""

        async def refuse(error: stream_pb2.Error) -> None:
            await tell(context.write, wire.RespondResponse(error=error))

        async with session_boundary(log, "Respond", refuse):
            first = await anext(requests, wire.RespondRequest())
            opened = checked(first.WhichOneof("message"), first.open)
            await self._respond(opened, requests, context)

    async def _respond(
        self, opened: stream_pb2.StreamOpen, requests: AsyncIterator[wire.RespondRequest], context: Context
    ) -> None:
        model = self._model
        core = Conversation(aligned=model.aligned, answer_s=model.answer_s, speculate=model.speculate)
        thinking = Thinking(opened.session, core)
        async with AsyncExitStack() as stack:
            superseded = Superseded("another stream took the session")
            stack.enter_context(self._sessions.claim(opened, lambda: thinking.close(superseded)))
            speak = egress_rpc.EgressServiceStub(self._channels.trunk(opened.route.egress)).Speak()
            to_egress = stack.enter_context(dialled("egress", speak, thinking.to_egress, _egress_beat))
            thinking.to_egress.control(egress.SpeakRequest(open=opened))
            from_vad = Link("vad", requests, context.write, thinking.to_vad, _vad_beat, give_up=thinking.close)
            links = [
                from_vad.run(thinking.from_vad),
                to_egress.run(thinking.from_egress),
            ]
            background = [
                _converse(thinking, self._model),
                thinking.tick(),
                _announce(thinking),
            ]
            keeping = await stack.enter_async_context(_running(thinking.keep_notes(self._store)))
            fault = await run_together(links, background, thinking.close)
            await thinking.notes_kept(keeping)
        log.info("session %s ended: %s; %s", opened.session, fault.message if fault else "well", core.tally)


async def _converse(thinking: Thinking, model: ModelSettings) -> None:
    """Hold the model's connection while the session lasts. What the person says meanwhile waits in the outbox."""
    async with model_session(model) as socket:
        thinking.begin()
        fault: ParleyError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(socket.run(thinking.from_model))
                group.create_task(thinking.feed_model(socket))
        except* ParleyError as errors:
            fault = first_of(errors)
        if fault is not None:
            raise fault


async def _announce(thinking: Thinking) -> None:
    """Say that model and egress are ready; then wait for ever."""
    try:
        async with asyncio.timeout(EGRESS_READY_S):
            await thinking.egress_ready.wait()
    except TimeoutError:
        raise PeerLost("egress", f"it was not ready within {EGRESS_READY_S:g} s") from None
    await thinking.model_ready.wait()
    thinking.to_vad.control(wire.RespondResponse(ready=stream_pb2.StreamReady()))
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
