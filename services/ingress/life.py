"""Life: one session from its first dial to its end: its hops are dialled again, its client may go and come back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2, stream_pb2
from services.common.boundary import InternalFault, session_boundary
from services.common.errors import LimitFault, ParleyError, PeerLost
from services.ingress.admission import Place
from services.ingress.attention import ClientSilent
from services.ingress.chronicle import Chronicle
from services.ingress.hops import Hops, Told
from services.ingress.house import House
from services.ingress.losses import EGRESS, VAD, Loss, loss_of
from services.ingress.opening import opened_message, stream_open
from services.ingress.recovery import Dial, GiveUp, Recovered, Recovery, Reroute, Step
from services.ingress.resumption import Token
from services.ingress.session import Session

log = logging.getLogger("parley.ingress")

_TICK_S: Final = 0.1

_MORNING_S: Final = 0.3
"""A process that was frozen, and finds its hops broken, waits so long for word that the session goes on elsewhere."""


class Life:
    """`run` it in a task of its own: the client's connection may break, and the session goes on.

    A door lets the client's link run beside it, until `dismissed` at the longest, and then says `client_left`.
    """

    def __init__(
        self,
        house: House,
        session: Session,
        record: session_pb2.SessionRecord,
        opened: client.Open,
        token: Token,
        place: Place,
        *,
        resumed: bool,
    ) -> None:
        session.name = token.session
        session.spans.belongs_to(token.session)
        self.session = session
        self.place = place
        self.fault: ParleyError | None = None
        """What it ended by."""
        self.is_left = False
        """It goes on elsewhere, or may: its lease is not given back."""
        self.dismissed = asyncio.Event()
        """The client has been told the last word, if it can be told anything."""
        self.over = asyncio.Event()
        """All is done; set by who runs it."""
        self._house = house
        self._opened, self._token, self._resumed = opened, token, resumed
        self._chronicle = Chronicle(house.store, record, session)
        route = stream_pb2.Route()
        route.CopyFrom(record.route)
        self._recovery = Recovery(house.routes, route, house.clock(), resumes=resumed)
        told = Told(self._hop_ready, self._hop_over, self._egress_missed)
        self._hops = Hops(session, house.channels, opened.client_buffer_ms, told)
        self._dialling: dict[str, Dial] = {}
        self._group = asyncio.TaskGroup()
        self._ending = asyncio.Event()
        self._parked_s = 0.0

    @property
    def is_parked(self) -> bool:
        """Whether it waits for its client."""
        return self.session.parting.is_parked

    async def run(self) -> None:
        """Live. Raises nothing: whatever goes wrong is told to the client and logged."""

        async def fail(error: stream_pb2.Error) -> None:
            self.end(InternalFault(error.message))

        unfollow = self._house.topic.follow(self.session.name, self.session.from_topic)
        lease = self._house.leases.keep(self.session.name, self.session.lease, self._chronicle.forgotten)
        try:
            async with session_boundary(log, f"session {self.session.name}", fail), self._group as group:
                beside = (lease, self._chronicle.keep(), self._tick())
                helpers = [group.create_task(self._guarded(each)) for each in beside]
                self._carry_out(self._recovery.begin(self._house.clock()))
                await self._ending.wait()
                await self._hops.say_goodbye()
                for helper in helpers:
                    helper.cancel()
        finally:
            unfollow()
            self._house.parked.remove(self)
            self.place.free()

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what goes on beside the conversation; a fault ends it."""
        try:
            await work
        except ParleyError as fault:
            self.end(fault)

    # Its ends.

    def end(self, fault: ParleyError | None) -> None:
        """End it, well or by a fault; what comes later changes nothing."""
        if not self._ending.is_set():
            self.fault = fault
            self.is_left = fault is not None and fault.to_wire().code == stream_pb2.Error.CODE_SUPERSEDED
            self.session.parting.close(fault)
            self._stop()

    def depart(self) -> None:
        """Leave it to be resumed elsewhere, where that can be, or else end it: the process goes away."""
        if self._ending.is_set():
            return
        if self._may_be_resumed:
            self.is_left = True
            self.session.parting.depart()
        else:
            self.session.parting.say_farewell(client.Closed.CODE_DRAINING)
            self.session.parting.close(None)
        self._stop()

    def give_way(self) -> None:
        """End it for somebody who is here."""
        self._house.counters["parked_given_way"] += 1
        log.info("session %s gives way: its client has gone, and the house is full", self.session.name)
        self.end(None)
        self.place.free()

    def _stop(self) -> None:
        self.dismissed.set()
        self._ending.set()

    # Its client.

    @property
    def _may_be_resumed(self) -> bool:
        """Its client has a token: it was told of the session here, or elsewhere before it came back."""
        return self._house.limits.resume_s > 0 and (self.session.is_announced or self._resumed)

    def client_left(self, fault: ParleyError | None) -> None:
        """The client's link has ended: after the last word, by a fault of the client's, or broken."""
        if self.is_parked or self._ending.is_set():
            return
        if not isinstance(fault, PeerLost):
            self.end(fault)
        elif self.session.parting.is_over:  # it did not wait for the last word
            self.end(None)
        elif self._may_be_resumed:
            self._park(None)
        else:
            self.end(fault)

    def _lose_silent_client(self, fault: ClientSilent) -> None:
        if self._may_be_resumed:
            self._house.count(fault)
            self._park(fault)
        else:
            self.end(fault)

    def _park(self, fault: ParleyError | None) -> None:
        """Wait for the client; if it is there and only silent, it is told what the matter is."""
        self.session.parting.park(fault)
        self.session.counters["parked"] += 1
        self._house.parked.add(self)
        log.info("session %s waits for its client: %s", self.session.name, fault.message if fault else "it has gone")
        self.dismissed.set()

    def _wait_for_client(self, seconds: float) -> None:
        self._parked_s += seconds
        if self.session.parting.is_over:  # the broker, or an operator, has hung up meanwhile
            self.end(None)
        elif self._parked_s > self._house.limits.resume_s:
            self._house.counters["parked_lost"] += 1
            self.end(None)

    # Its hops.

    def _hop_ready(self, hop: str) -> None:
        self._carry_out(self._recovery.ready(hop, self._house.clock()))
        if self.session.stands and not self.session.is_announced:
            limits, wanted = self.session.limits, self.session.microphone.wanted
            self.session.announce(opened_message(self._token, self._opened, limits, wanted, resumed=self._resumed))

    def _hop_over(self, hop: str, fault: ParleyError | None) -> None:
        if self._ending.is_set() or (self.session.parting.is_over and not self.is_parked):
            return  # the client is being told the last word, and then it ends
        loss = loss_of(hop, fault, resumes=self._recovery.resumes) if fault is not None else None
        if loss is None:
            self.end(fault)
        else:
            self._lose(hop, loss)

    def _egress_missed(self, fault: PeerLost) -> None:
        log.info("session %s: %s", self.session.name, fault.message)
        self._carry_out(self._recovery.told_of_egress(fault, self._house.clock()))

    def _lose(self, hop: str, loss: Loss) -> None:
        log.warning("session %s: %s", self.session.name, loss.fault.message)
        self._carry_out(self._recovery.lost(hop, loss, self._house.clock()))

    def _look_after_hops(self) -> None:
        if self.session.uplink.is_stuck:
            self.session.uplink.is_stuck = False
            self._lose(VAD, Loss(PeerLost(VAD, "it does not read"), (VAD,)))
        if self.session.downlink.is_stuck:
            self.session.downlink.is_stuck = False
            self._lose(EGRESS, Loss(PeerLost(EGRESS, "it does not read"), (EGRESS,)))
        self._carry_out(self._recovery.tick(self._house.clock()))

    def _carry_out(self, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case _ if self._ending.is_set():
                    return
                case Dial():
                    self._redial(step)
                case Reroute():
                    self.session.uplink.reroute(stream_pb2.Reroute(dial=step.dial, route=self._recovery.route))
                case Recovered():
                    self._note_recovery(step)
                case GiveUp():
                    self.end(step.fault)

    def _redial(self, step: Dial) -> None:
        self._hops.drop(step.hop)
        self._dialling[step.hop] = step
        self._chronicle.move(self._recovery.route, step.dial)
        if step.hop == VAD and step.dial > 1:
            self._group.create_task(self._guarded(self._dial_fenced(step)))
        else:
            self._dial(step)

    async def _dial_fenced(self, step: Dial) -> None:
        """Before somebody else is asked to listen, the record says so: is the session still ours? A broker that was
        replaced writes nothing from then on.
        """
        if self._house.clock.awake_for_s() < _MORNING_S:  # the client may be at the door, here or elsewhere
            await asyncio.sleep(_MORNING_S)
        await self._chronicle.written()
        if self._dialling[step.hop] is step and not self._ending.is_set():
            self._dial(step)

    def _dial(self, step: Dial) -> None:
        """Dial, along the route of this moment: it may have changed while the record was written."""
        record, route = self._chronicle.record, self._recovery.route
        open_ = stream_open(record, step.dial, route, self._opened.traceparent, resumes=step.resumes)
        self._hops.dial(self._group, step.hop, open_)

    def _note_recovery(self, step: Recovered) -> None:
        if step.is_takeover:
            lost = dict.fromkeys(stage for loss in step.losses for stage in loss.suspects)
            self.session.counters.update(f"takeovers_{stage}" for stage in lost)
        route = self._recovery.route
        where = f"vad {route.vad}, broker {route.broker}" if step.hop == VAD else f"egress {route.egress}"
        why = step.losses[0].fault.message
        log.info("session %s goes on with %s after %.0f ms: %s", self.session.name, where, step.after_s * 1000, why)

    # Time.

    async def _tick(self) -> None:
        told_s = self._house.clock()
        while not self._ending.is_set():
            await asyncio.sleep(_TICK_S)
            # By the clock: sleeps are a little too long, and a microphone may be silent for hours.
            ms = int((self._house.clock() - told_s) * 1000)
            told_s += ms / 1000
            try:
                self.session.tick(ms)
            except ClientSilent as fault:
                self._lose_silent_client(fault)
            except LimitFault as fault:
                self.end(fault)
            if self.is_parked:
                self._wait_for_client(ms / 1000)
            self._look_after_hops()
