"""The gRPC face of vad: Listen. A session outlives its stream: it waits for whichever ingress goes on with it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final, TypeAlias

import grpc

from parley.v1 import broker_service_pb2_grpc as broker_rpc
from parley.v1 import stream_pb2
from parley.v1 import vad_service_pb2 as wire
from parley.v1 import vad_service_pb2_grpc as rpc
from services.common.agents import Agents
from services.common.boundary import session_boundary
from services.common.channels import Channels
from services.common.errors import Superseded
from services.common.link import tell
from services.common.ownership import Ownership, checked
from services.common.parking import PARKED_S, Parking
from services.common.room import Room
from services.common.topic import Publisher
from services.vad.content.listener import ContentModel
from services.vad.hearing import Hearing
from services.vad.judge import Judge
from services.vad.parting import NobodyCameBack, Stopping
from services.vad.profile import Profile
from services.vad.stay import Stay
from services.vad.tally import Tally

log = logging.getLogger("parley.vad")

Context: TypeAlias = "grpc.aio.ServicerContext[wire.ListenRequest, wire.ListenResponse]"

MOST_SESSIONS: Final = 128
"""At a time, unless PARLEY_MAX_SESSIONS says otherwise: more than a core holds in earnest (docs/performance.md)."""

_GOODBYE_S: Final = 2.0
"""How long the last words of a vad that stops may take."""


class VadServer(rpc.VadServiceServicer):
    """Gives every session a decision core and a stream to its broker, and keeps both while its ingress changes."""

    def __init__(
        self,
        hearing: Hearing,
        judge: Judge,
        content: ContentModel,
        agents: Agents[Profile],
        topic: Publisher,
        channels: Channels,
        parked_s: float = PARKED_S,
        room: Room | None = None,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self.tally = Tally()
        """How its sessions' decisions went."""
        self._room = room or Room("vad", MOST_SESSIONS)
        self._hearing = hearing
        self._judge = judge
        self._content = content
        self._agents = agents
        self._topic = topic
        self._channels = channels
        self._streams = Ownership()
        self._stays: dict[str, Stay] = {}
        self._parking: Parking[Stay] = Parking(lambda stay: stay.close(NobodyCameBack()), parked_s)
        self._running: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    async def Listen(  # type: ignore[override]
        self, requests: AsyncIterator[wire.ListenRequest], context: Context
    ) -> None:
        """Listen to one session."""

        async def refuse(error: stream_pb2.Error) -> None:
            await tell(context.write, wire.ListenResponse(error=error))

        async with session_boundary(log, "Listen", refuse):
            first = await anext(requests, wire.ListenRequest())
            opened = checked(first.WhichOneof("message"), first.open)
            if self._is_stopping:
                raise Stopping
            profile = self._agents.find(opened.agent)
            if opened.session not in self._stays:
                self._room.admit(len(self._stays), resumes=opened.resumes)
            with self._streams.claim(opened, lambda: self._step_aside(opened.session)):
                stay = self._adopted(opened) or self._begun(opened, profile)
                try:
                    await stay.attend(requests, context.write)
                finally:
                    self._park_if_left(stay)

    def _step_aside(self, session: str) -> None:
        if (stay := self._stays.get(session)) is not None:
            stay.step_aside()

    def _adopted(self, opened: stream_pb2.StreamOpen) -> Stay | None:
        """Return the session if it is here and goes on; one that goes on anew ends here."""
        stay = self._stays.get(opened.session)
        self._parking.take(opened.session)
        if stay is None:
            return None
        if not stay.goes_on_with(opened):
            stay.close(Superseded("another stream took the session"))
            return None
        stay.adopt(opened)
        self.counters["adopted"] += 1
        log.info("session %s: it has another ingress, and goes on (lease %d)", opened.session, opened.lease)
        return stay

    def _begun(self, opened: stream_pb2.StreamOpen, profile: Profile) -> Stay:
        """Return a session that is new here."""
        stay = Stay(opened, profile, self._content, self._hearing.join(), self._judge, self._topic.publish, self.tally)
        self._stays[opened.session] = stay
        if opened.resumes:
            self.counters["takeovers_vad"] += 1
            log.info("session %s: taken over (lease %d, dial %d)", opened.session, opened.lease, opened.dial)
        task = asyncio.create_task(self._keep(stay, opened.route.broker))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return stay

    async def _keep(self, stay: Stay, address: str) -> None:
        try:
            await stay.run(broker_rpc.BrokerServiceStub(self._channels.trunk(address)).Respond())
        finally:
            if self._stays.get(stay.name) is stay:
                del self._stays[stay.name]
                self._parking.take(stay.name)
            self.counters["replayed_ms"] += stay.replayed_ms

    def _park_if_left(self, stay: Stay) -> None:
        """Keep a session whose stream has gone without a word that it is over."""
        if self._stays.get(stay.name) is stay and not stay.is_over and not stay.is_attended:
            log.info("session %s: parked until an ingress goes on with it", stay.name)
            self._parking.park(stay.name, stay)

    def __len__(self) -> int:
        return len(self._stays)

    @property
    def parked(self) -> int:
        """How many sessions wait for an ingress."""
        return len(self._parking)

    def buffers(self) -> dict[str, list[int]]:
        """Return how many messages wait in each session's outboxes."""
        waiting = [stay.waiting() for stay in self._stays.values()]
        return {"to_ingress": [each[0] for each in waiting], "to_broker": [each[1] for each in waiting]}

    # The end.

    async def drain(self) -> None:
        """Take no more sessions, and leave those that are here to other vads."""
        self._is_stopping = True
        async with asyncio.TaskGroup() as group:
            for stay in list(self._stays.values()):
                group.create_task(stay.drain())
        if self._running:
            await asyncio.wait(self._running, timeout=_GOODBYE_S)
        log.info("no session is left here: %s", dict(self.counters + self._parking.counters))
