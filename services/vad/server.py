"""The gRPC face of vad: Listen, and the Respond stream it dials for every session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import closing
from typing import TypeAlias

import grpc

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import broker_service_pb2_grpc as broker_rpc
from parley.v1 import stream_pb2
from parley.v1 import vad_service_pb2 as wire
from parley.v1 import vad_service_pb2_grpc as rpc
from services.common.agents import Agents
from services.common.boundary import session_boundary
from services.common.bundle import run_together
from services.common.channels import Channels
from services.common.errors import Superseded
from services.common.link import Link, dialled, tell
from services.common.ownership import Ownership, checked
from services.common.topic import Publisher
from services.vad.content.listener import ContentListener, ContentModel
from services.vad.hearing import Ear, Hearing
from services.vad.judge import Judge
from services.vad.profile import Profile
from services.vad.session import Listening
from services.vad.turn_taking import TurnTaking

log = logging.getLogger("parley.vad")

Context: TypeAlias = "grpc.aio.ServicerContext[wire.ListenRequest, wire.ListenResponse]"


class VadServer(rpc.VadServiceServicer):
    """Gives every session a decision core and a stream to its broker."""

    def __init__(
        self,
        hearing: Hearing,
        judge: Judge,
        content: ContentModel,
        agents: Agents[Profile],
        topic: Publisher,
        channels: Channels,
    ) -> None:
        self._hearing = hearing
        self._judge = judge
        self._content = content
        self._agents = agents
        self._topic = topic
        self._channels = channels
        self._sessions = Ownership()

    async def Listen(  # type: ignore[override]
        self, requests: AsyncIterator[wire.ListenRequest], context: Context
    ) -> None:
        """Listen to one session."""

        async def refuse(error: stream_pb2.Error) -> None:
            await tell(context.write, wire.ListenResponse(error=error))

        async with session_boundary(log, "Listen", refuse):
            first = await anext(requests, wire.ListenRequest())
            opened = checked(first.WhichOneof("message"), first.open)
            profile = self._agents.find(opened.agent)
            with closing(self._hearing.join()) as ear:
                await self._listen(opened, profile, ear, requests, context)

    async def _listen(
        self,
        opened: stream_pb2.StreamOpen,
        profile: Profile,
        ear: Ear,
        requests: AsyncIterator[wire.ListenRequest],
        context: Context,
    ) -> None:
        listener = ContentListener(self._content, profile.words, profile.enrolled)
        core = TurnTaking(opened.session, opened.lease, ear, listener, profile.settings)
        respond = broker_rpc.BrokerServiceStub(self._channels.trunk(opened.route.broker)).Respond()
        async with asyncio.TaskGroup() as judgements:
            session = Listening(core, ear, self._judge, self._topic.publish, judgements)
            with (
                self._sessions.claim(opened, lambda: session.close(Superseded("another stream took the session"))),
                dialled("broker", respond, session.to_broker, _broker_beat) as to_broker,
            ):
                session.to_broker.control(broker.RespondRequest(open=opened))
                from_ingress = Link(
                    "ingress", requests, context.write, session.to_ingress, _ingress_beat, give_up=session.close
                )
                links = [from_ingress.run(session.from_ingress), to_broker.run(session.from_broker)]
                fault = await run_together(links, [], session.close)
        log.info("session %s ended: %s", opened.session, fault.message if fault else "well")


def _broker_beat(number: int) -> broker.RespondRequest:
    return broker.RespondRequest(heartbeat=stream_pb2.Heartbeat(beat=number))


def _ingress_beat(number: int) -> wire.ListenResponse:
    return wire.ListenResponse(heartbeat=stream_pb2.Heartbeat(beat=number))
