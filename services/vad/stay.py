"""Stay: one session at this vad, from the stream that brings it until it is over, whichever ingress it is heard for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeAlias

import grpc

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2, stream_pb2
from parley.v1 import vad_service_pb2 as wire
from services.common.boundary import session_boundary
from services.common.errors import ParleyError, PeerLost, RemoteFault
from services.common.link import Link, dialled, tell
from services.vad.content.listener import ContentListener, ContentModel
from services.vad.events import Phase
from services.vad.hearing import Ear
from services.vad.judge import Judge
from services.vad.narrator import Narrator
from services.vad.parting import Draining, reason_of
from services.vad.profile import Profile
from services.vad.session import Listening
from services.vad.spans import Spans
from services.vad.tally import Tally
from services.vad.turn_taking import TurnTaking

log = logging.getLogger("parley.vad")

QUIET_S: Final = 5.0
"""How long a vad that stops waits for a quiet moment in a conversation."""
_LOOKS: Final = 100

Respond: TypeAlias = "grpc.aio.StreamStreamCall[broker.RespondRequest, broker.RespondResponse]"


class Stay:
    """Its core, its ear and its stream to the broker. `run` it, and let it `attend` to each Listen stream."""

    def __init__(
        self,
        opened: stream_pb2.StreamOpen,
        profile: Profile,
        content: ContentModel,
        ear: Ear,
        judge: Judge,
        publish: Callable[[session_pb2.Interrupt], None],
        tally: Tally | None = None,
    ) -> None:
        self._opened = opened
        self._ear = ear
        listener = ContentListener(content, profile.words, profile.enrolled)
        self._core = TurnTaking(opened.session, opened.lease, ear, listener, profile.settings)
        self._judgements = asyncio.TaskGroup()
        spans = Spans(opened.session)
        self._listening = Listening(
            self._core, ear, judge, publish, self._judgements, resumes=opened.resumes, seq=opened.seq, spans=spans
        )
        self._listening.watch(Narrator(opened.session, tally or Tally()).take)
        self._fault: ParleyError | None = None

    @property
    def name(self) -> str:
        """The session's."""
        return self._opened.session

    def waiting(self) -> tuple[int, int]:
        """Return how many messages wait for ingress, and for the broker."""
        return len(self._listening.to_ingress), len(self._listening.to_broker)

    @property
    def is_over(self) -> bool:
        """The session goes on elsewhere, or not at all."""
        return self._listening.is_over

    @property
    def replayed_ms(self) -> int:
        """How much sound was heard faster than time passes."""
        return self._listening.intake.replayed_ms

    async def run(self, respond: Respond) -> None:
        """Keep the session until it is over; whatever goes wrong is logged, and told on both sides."""

        async def fail(error: stream_pb2.Error) -> None:
            self.close(RemoteFault(error))

        async with session_boundary(log, f"session {self.name}", fail):
            try:
                async with self._judgements:
                    await self._talk(respond)
            finally:
                self._ear.close()

    async def _talk(self, respond: Respond) -> None:
        """Carry the stream to the broker to its end."""
        listening = self._listening
        fault: ParleyError | None = None
        with dialled("broker", respond, listening.to_broker, _broker_beat) as to_broker:
            listening.to_broker.control(broker.RespondRequest(open=self._opened))
            try:
                await to_broker.run(listening.from_broker)
            except ParleyError as error:
                fault = error
        if isinstance(fault, PeerLost) and fault.stage == "broker" and not self.is_over:
            log.warning("session %s: broker %s is lost: %s", self.name, self._opened.route.broker, reason_of(fault))
        self.close(fault)
        why, replayed_ms = self._fault.message if self._fault else "well", self.replayed_ms
        log.info("session %s ended here: %s; %d ms came in bursts", self.name, why, replayed_ms)

    # The stream from ingress.

    async def attend(
        self, requests: AsyncIterator[wire.ListenRequest], write: Callable[[wire.ListenResponse], Awaitable[None]]
    ) -> None:
        """Serve a Listen stream to its end."""
        outbox = self._listening.to_ingress
        link = Link("ingress", requests, write, outbox, _ingress_beat, give_up=self.close)

        async def fail(error: stream_pb2.Error) -> None:
            if not self.is_over:
                self.close(RemoteFault(error))
                await tell(write, wire.ListenResponse(error=error))

        try:
            async with session_boundary(log, f"session {self.name}", fail):
                with suppress(PeerLost):  # whoever comes next is served as well
                    await link.run(self._listening.from_ingress)
        finally:
            if self._listening.to_ingress is outbox:
                self._listening.leave()

    @property
    def is_attended(self) -> bool:
        """There is a Listen stream."""
        return not self._listening.to_ingress.is_closed

    def step_aside(self) -> None:
        """The present Listen stream is not the session's any more."""
        self._listening.leave(stream_pb2.StreamEnd.REASON_SUPERSEDED)

    def goes_on_with(self, opened: stream_pb2.StreamOpen) -> bool:
        """Say whether the session only has another ingress; otherwise the broker knows best what is to be heard."""
        mine = self._opened
        same_ring = opened.route.broker == mine.route.broker
        return not self.is_over and opened.resumes and same_ring and opened.lease > mine.lease

    def adopt(self, opened: stream_pb2.StreamOpen) -> None:
        """Go on for another ingress."""
        self._opened = opened
        self._listening.adopt(opened)

    # The end.

    async def drain(self) -> None:
        """Leave the session to another vad, at a quiet moment if one comes soon."""
        for _ in range(_LOOKS):
            if self.is_over or not self.is_attended or self._is_quiet:
                break
            await asyncio.sleep(QUIET_S / _LOOKS)
        self.close(Draining())

    @property
    def _is_quiet(self) -> bool:
        return self._core.phase is Phase.OPEN and not self._listening.intake.is_past

    def close(self, fault: ParleyError | None) -> None:
        """End it here; again it does nothing."""
        if not self.is_over:
            self._fault = fault
            self._listening.close(fault)


def _broker_beat(number: int) -> broker.RespondRequest:
    return broker.RespondRequest(heartbeat=stream_pb2.Heartbeat(beat=number))


def _ingress_beat(number: int) -> wire.ListenResponse:
    return wire.ListenResponse(heartbeat=stream_pb2.Heartbeat(beat=number))
