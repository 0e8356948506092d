"""Calls: the sessions of one ingress: begun, found, taken up again, counted, and left when the process goes away."""

from __future__ import annotations

import asyncio
import logging
import math
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from parley.v1 import conversation_service_pb2 as client
from services.common.boundary import contained_work
from services.common.bundle import GOODBYE_S
from services.common.channels import Channels
from services.common.errors import ParleyError, PeerLost, StoreLost, Superseded
from services.common.outcome import outcome
from services.common.room import Room
from services.common.store import Store
from services.common.topic import Subscriber
from services.ingress.admission import Admission
from services.ingress.chronicle import TAKEN
from services.ingress.forgetting import Forgetting
from services.ingress.house import House
from services.ingress.inbox import Inbox
from services.ingress.leases import Leases
from services.ingress.life import Life
from services.ingress.limits import Limits
from services.ingress.locks.doorkeeper import Doorkeeper
from services.ingress.locks.grant import Grant
from services.ingress.locks.knock import Knock
from services.ingress.opening import elsewhere, new_record, taken_over
from services.ingress.resumption import Token, resumable
from services.ingress.route import Routes
from services.ingress.session import Session

log = logging.getLogger("parley.ingress")

ClientLink = Callable[[Session], Coroutine[Any, Any, None]]


class Calls:
    """Opens sessions and lets each live. A door hands in the client's Open and a way to run its own link."""

    def __init__(
        self,
        store: Store,
        topic: Subscriber,
        routes: Routes,
        channels: Channels,
        limits: Limits | None = None,
        address: str = "",
        room: Room | None = None,
        doorkeeper: Doorkeeper | None = None,
    ) -> None:
        self.address = address
        """host:port by which other ingresses find the sessions of this one."""
        self.limits = limits or Limits()
        self._store = store
        self._owner = uuid.uuid4().hex
        self._house = House(store, topic, routes, channels, Leases(store, self._owner), self.limits)
        self._lives: dict[str, Life] = {}
        self._admission = Admission(self.limits, self._make_room, room)
        self.doorkeeper = doorkeeper or Doorkeeper(self.limits)
        self.doorkeeper.counters = self._house.counters
        self._forgetting = Forgetting(store, self._house.counters)
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._lives)

    @property
    def parked(self) -> int:
        """How many sessions wait for their clients."""
        return len(self._house.parked)

    @property
    def counters(self) -> Counter[str]:
        """What this process has seen, but for the sessions that go on."""
        return self._house.counters

    @property
    def leases_lost(self) -> int:
        """How many sessions were found to be another ingress's."""
        return self._house.leases.lost

    def sessions(self) -> list[Session]:
        """Return the sessions that go on here."""
        return [life.session for life in self._lives.values()]

    def find(self, name: str) -> Session | None:
        """Return a session that goes on here by its name."""
        life = self._lives.get(name)
        return life.session if life is not None else None

    def statistics(self) -> Counter[str]:
        """Return everything counted since the start, the running sessions included."""
        return sum((life.session.statistics() for life in self._lives.values()), Counter(self.counters))

    async def run(self) -> None:
        """Keep the sessions' leases, and note their ends, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._house.clock.run())
            group.create_task(self._house.leases.run())
            group.create_task(self._forgetting.run())
            group.create_task(self.doorkeeper.run())

    async def answer(self, requests: Inbox[client.ConverseRequest], client_link: ClientLink, knock: Knock) -> None:
        """Take a caller at any door: wait for Open, then hold the conversation, for as long as the caller is there.

        Raises:
            ProtocolFault, VersionFault, FormatFault, ResumeFault, Unauthenticated, LimitFault, FullFault, StoreLost: no
                session began.
        """
        try:
            opened = await self._admission.open(requests)
            with _told_of_redis("begin"):
                grant = await self.doorkeeper.admit(knock, opened)
            life = await (self._resume(opened, grant, requests) if opened.resume else self._begin(opened, grant))
            knock.place.free()
        except ParleyError as fault:
            if not isinstance(fault, PeerLost):  # who goes before Open is a port scanner, a health check, or nobody
                self._house.count(fault)
            raise
        await self._attend(life, client_link)

    async def drain(self) -> None:
        """Take no more calls; have clients resume elsewhere, then leave those that have not."""
        self._admission.stop()
        grace_s = self.limits.drain_s
        for life in self._lives.values():
            life.session.parting.warn(math.ceil(grace_s))
        if not all(life.is_parked for life in self._lives.values()):
            await asyncio.wait(self._tasks, timeout=grace_s)
        for life in list(self._lives.values()):
            life.depart()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GOODBYE_S)

    # How one begins.

    async def _begin(self, opened: client.Open, grant: Grant) -> Life:
        """Take the lease and write the record of a new session."""
        token = Token.mint(uuid.uuid4().hex, grant.holder)
        session = Session(opened, grant.within(self.limits))
        with ExitStack() as undo:
            place = self._admission.place()
            undo.callback(place.free)
            with _told_of_redis("begin"):
                await self.doorkeeper.enter(grant, token.session)
                undo.callback(lambda: self._soon(self.doorkeeper.withdraw(grant, token.session)))
                # An answer that does not come may be late: what was asked for is done when Redis awakes.
                undo.callback(self._forget_soon, token.session)
                session.lease = await self._store.take_lease(token.session, self._owner)
                route = self._house.routes.pick(self._house.clock())
                record = new_record(token, session.lease, route, opened.agent, self.address)
                await self._store.write_record(record)
            undo.pop_all()
        log.info(
            "session %s opened: vad %s, broker %s, egress %s", token.session, route.vad, route.broker, route.egress
        )
        self.counters["sessions"] += 1
        return self._live(Life(self._house, session, record, opened, token, place, resumed=False), grant)

    async def _resume(self, opened: client.Open, grant: Grant, requests: Inbox[client.ConverseRequest]) -> Life:
        """Take over a session whose client comes back, wherever it was.

        One that has given up this call may have its session elsewhere by now: it is not taken away from there.
        """
        with ExitStack() as undo, _told_of_redis("be resumed"):
            token, known = await resumable(self._store, opened.resume, self.limits.resume_s, grant.holder)
            grant.check_agent(known.agent)
            session = Session(opened, grant.within(self.limits), elsewhere=elsewhere(known, self.limits))
            place = self._admission.place(resumes=True, replaces=token.session in self._lives)
            undo.callback(place.free)
            await self.doorkeeper.enter(grant, token.session, goes_on=True)
            requests.check()
            session.lease = await self._store.take_lease(token.session, self._owner, by_force=True)
            record = taken_over(known, session.lease, self.address)
            if not await self._store.write_record(record):
                raise Superseded(TAKEN)
            undo.pop_all()
        self._let_go(token.session)
        log.info("session %s is resumed", token.session)
        self.counters["resumed"] += 1
        return self._live(Life(self._house, session, record, opened, token, place, resumed=True), grant)

    def _let_go(self, name: str) -> None:
        """The session goes on under a later lease; who holds it here, parked or before a dead connection, does not."""
        if (life := self._lives.get(name)) is not None:
            life.end(Superseded(TAKEN))
            life.place.free()

    def _make_room(self) -> None:
        if (oldest := self._house.parked.take_oldest()) is not None:
            oldest.give_way()

    # How it goes on, and ends.

    def _live(self, life: Life, grant: Grant) -> Life:
        name = life.session.name
        self._lives[name] = life
        self.doorkeeper.watch(grant, name, life.end)
        self._soon(contained_work(log, f"session {name}", self._see_through(life, grant)))
        return life

    async def _see_through(self, life: Life, grant: Grant) -> None:
        name, session = life.session.name, life.session
        try:
            await life.run()
        finally:
            if self._lives.get(name) is life:
                del self._lives[name]
            statistics = session.statistics()
            self._house.counters.update(statistics)
            if not life.is_left:
                await self._forgetting.forget(name, session.lease)
            await self.doorkeeper.leave(grant, name, goes_on=life.is_left)
            life.over.set()
        if life.fault is not None and not life.is_parked:
            self._house.count(life.fault)
        counted = ", ".join(f"{key} {value}" for key, value in sorted(statistics.items())) or "nothing lost"
        how = life.fault.message if life.fault else "it may go on elsewhere" if life.is_left else "well"
        log.info("session %s ended: %s; %s", name, how, counted)

    async def _attend(self, life: Life, client_link: ClientLink) -> None:
        """Let the client's link run. A link that is cancelled is gRPC's way of saying that the connection broke."""
        fault: ParleyError | None = PeerLost("client", "its connection broke")
        try:
            async with asyncio.TaskGroup() as group:
                link = group.create_task(outcome(client_link(life.session)))
                dismissed = group.create_task(life.dismissed.wait())
                await asyncio.wait({link, dismissed}, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.wait({link}, timeout=GOODBYE_S)
                link.cancel()
                dismissed.cancel()
            fault = None if link.cancelled() else link.result()
        finally:
            life.client_left(fault)
        if not life.is_parked:
            await life.over.wait()

    def _forget_soon(self, name: str) -> None:
        """It has not begun: nothing of it is kept."""
        self._soon(self._forgetting.forget(name, keep_history=False))

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it whole, whatever becomes of the connection that it came of."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@contextmanager
def _told_of_redis(what: str) -> Iterator[None]:
    """Where Redis stands is for the log, not for the client."""
    try:
        yield
    except StoreLost as error:
        log.warning("no session can %s: %s", what, error.message)
        raise StoreLost(f"no session can {what}: Redis can't be reached. Try again in a moment.") from error
