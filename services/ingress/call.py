"""Call: a session brought to life: lease, record, the two hops, and everything that runs until it ends."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import egress_service_pb2_grpc as egress_rpc
from parley.v1 import session_pb2, stream_pb2
from parley.v1 import vad_service_pb2 as vad
from parley.v1 import vad_service_pb2_grpc as vad_rpc
from services.common.bundle import run_together
from services.common.channels import Channels
from services.common.errors import (
    LimitFault,
    ParleyError,
    PeerLost,
    StoreLost,
)
from services.common.lead import agreed_lead_ms
from services.common.link import dialled
from services.common.ownership import PROTOCOL
from services.common.store import Store
from services.common.topic import Subscriber
from services.ingress.admission import Admission
from services.ingress.formats import input_format, output_format
from services.ingress.leases import Leases
from services.ingress.limits import Limits
from services.ingress.route import Routes
from services.ingress.session import Session
from services.ingress.version import common_version

log = logging.getLogger("parley.ingress")

READY_S: Final = 12.0
"""How long the ring has to say that it is ready: a little more than the broker gives the model."""

_TICK_MS: Final = 100

ClientLink = Callable[[Session], Coroutine[Any, Any, None]]


class Calls:
    """Opens sessions and runs each to its end. A door hands in the client's Open and a way to run its own link."""

    def __init__(
        self,
        store: Store,
        topic: Subscriber,
        routes: Routes,
        channels: Channels,
        limits: Limits | None = None,
        address: str = "",
    ) -> None:
        self.address = address
        """host:port by which other ingresses find the sessions of this one."""
        self.limits = limits or Limits()
        self.counters: Counter[str] = Counter()
        """What this process has seen: sessions, faults by code, limits by name, and what the sessions counted."""
        self._store = store
        self._topic = topic
        self._routes = routes
        self._channels = channels
        self._owner = uuid.uuid4().hex
        self._leases = Leases(store, self._owner)
        self._running: dict[str, Session] = {}
        self._admission = Admission(self.limits)
        self._forgetting: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def find(self, name: str) -> Session | None:
        """Return a running session by its name."""
        return self._running.get(name)

    def statistics(self) -> Counter[str]:
        """Return everything counted since the start, the running sessions included."""
        return sum((session.statistics() for session in self._running.values()), Counter(self.counters))

    async def run(self) -> None:
        """Keep the sessions' leases, until cancelled."""
        await self._leases.run()

    async def answer(self, requests: AsyncIterator[client.ConverseRequest], client_link: ClientLink) -> None:
        """Take a caller at any door: wait for Open, then hold the conversation.

        Raises:
            ProtocolFault, VersionFault, FormatFault, ResumeFault, LimitFault, FullFault, StoreLost: no session began.
        """
        try:
            opened = await self._admission.open(requests)
            with self._admission.room():
                await self._run(opened, client_link)
        except ParleyError as fault:
            if not isinstance(fault, PeerLost):  # who goes before Open is a port scanner, a health check, or nobody
                self._count(fault)
            raise

    def _count(self, fault: ParleyError) -> None:
        self.counters[f"fault_{stream_pb2.Error.Code.Name(fault.to_wire().code).removeprefix('CODE_').lower()}"] += 1
        if isinstance(fault, LimitFault):
            self.counters[f"limit_{fault.limit}"] += 1

    async def _run(self, opened: client.Open, client_link: ClientLink) -> None:
        session = Session(opened, self.limits)
        session.name = name = uuid.uuid4().hex
        try:
            open_ = await self._begin(name, session, opened)
            self.counters["sessions"] += 1
            self._running[name] = session
            fault = await self._talk(session, open_, opened, client_link)
            if fault is not None:
                self._count(fault)
        except asyncio.CancelledError:  # gRPC's way of saying that the client's connection broke
            fault = PeerLost("client", "its connection broke")
            self._count(fault)
            log.info("session %s ended: %s", name, fault.message)
            raise
        finally:
            self._running.pop(name, None)
            self.counters += session.statistics()
            # Whole, even if the client goes meanwhile and its call with it.
            forgetting = asyncio.create_task(self._forget(name))
            self._forgetting.add(forgetting)
            forgetting.add_done_callback(self._forgetting.discard)
            await asyncio.shield(forgetting)
        statistics = ", ".join(f"{key} {value}" for key, value in sorted(session.statistics().items()))
        log.info("session %s ended: %s; %s", name, fault.message if fault else "well", statistics or "nothing lost")

    async def _begin(self, name: str, session: Session, opened: client.Open) -> stream_pb2.StreamOpen:
        """Take the lease and write the record. Raises StoreLost."""
        try:
            return await self._write_down(name, session, opened)
        except StoreLost as error:
            # Where Redis stands is for the log, not for the client.
            log.warning("no session can begin: %s", error.message)
            raise StoreLost("no session can begin: Redis can't be reached. Try again in a moment.") from error

    async def _write_down(self, name: str, session: Session, opened: client.Open) -> stream_pb2.StreamOpen:
        session.lease = await self._store.take_lease(name, self._owner)
        open_ = stream_pb2.StreamOpen(
            protocol=PROTOCOL,
            session=name,
            lease=session.lease,
            dial=1,
            route=self._routes.pick(),
            traceparent=opened.traceparent,
            agent=opened.agent,
        )
        await self._store.write_record(_record(open_, self.address))
        log.info("session %s opened: vad %s, broker %s, egress %s", name, *_addresses(open_.route))
        return open_

    def drain(self) -> None:
        """End every conversation, saying so."""
        for session in list(self._running.values()):
            session.to_client.control(client.ConverseResponse(draining=client.Draining(seconds=0)))
            session.say_farewell(client.Closed.CODE_DRAINING)
            session.close(None)

    async def _talk(
        self, session: Session, open_: stream_pb2.StreamOpen, opened: client.Open, client_link: ClientLink
    ) -> ParleyError | None:
        async with AsyncExitStack() as stack:
            links = await stack.enter_async_context(self._hops(session, open_, opened.client_buffer_ms))
            stack.callback(self._topic.follow(open_.session, session.from_topic))
            background = [
                self._announce(session, open_.session, opened),
                self._leases.keep(open_.session, open_.lease),
                _tick(session),
            ]
            return await run_together([client_link(session), *links], background, session.close)

    @asynccontextmanager
    async def _hops(
        self, session: Session, open_: stream_pb2.StreamOpen, lead_ms: int
    ) -> AsyncIterator[list[Coroutine[Any, Any, None]]]:
        """Dial vad and egress."""
        listen = vad_rpc.VadServiceStub(self._channels.trunk(open_.route.vad)).Listen()
        attach = egress_rpc.EgressServiceStub(self._channels.trunk(open_.route.egress)).Attach()
        session.to_vad.control(vad.ListenRequest(open=open_))
        session.to_egress.control(egress.AttachRequest(open=egress.AttachOpen(open=open_, lead_ms=lead_ms)))
        beat = stream_pb2.Heartbeat
        with (
            dialled("vad", listen, session.to_vad, lambda n: vad.ListenRequest(heartbeat=beat(beat=n))) as to_vad,
            dialled(
                "egress", attach, session.to_egress, lambda n: egress.AttachRequest(heartbeat=beat(beat=n))
            ) as to_egress,
        ):
            yield [to_vad.run(session.from_vad), to_egress.run(session.from_egress)]

    async def _announce(self, session: Session, name: str, opened: client.Open) -> None:
        """Tell the client that the ring stands; then wait for ever."""
        try:
            async with asyncio.timeout(READY_S):
                await session.ring_ready.wait()
        except TimeoutError:
            missing = " and ".join(sorted({"vad", "egress"} - session.ready))
            raise PeerLost(missing, f"it was not ready within {READY_S:g} s") from None
        answer = client.Opened(
            session=name,
            resume_token=name,
            limits=self.limits.to_wire(),
            lead_ms=agreed_lead_ms(opened.client_buffer_ms),
            protocol=common_version(opened),
            input=input_format(opened.input).to_wire(),
            output=output_format(opened.output).to_wire(),
        )
        session.to_client.control(client.ConverseResponse(opened=answer))
        await asyncio.Event().wait()

    async def _forget(self, name: str) -> None:
        try:
            await self._store.forget(name, keep_history=True)
        except StoreLost as error:
            log.warning("session %s: its lease stays behind until it expires: %s", name, error.message)


async def _tick(session: Session) -> None:
    told_s = time.monotonic()
    while True:
        await asyncio.sleep(_TICK_MS / 1000)
        # By the clock: sleeps are a little too long, and a microphone may be silent for hours.
        ms = int((time.monotonic() - told_s) * 1000)
        told_s += ms / 1000
        session.tick(ms)


def _record(open_: stream_pb2.StreamOpen, address: str) -> session_pb2.SessionRecord:
    return session_pb2.SessionRecord(
        session=open_.session,
        lease=open_.lease,
        route=open_.route,
        agent=open_.agent,
        opened_at_ms=int(time.time() * 1000),
        ingress=address,
    )


def _addresses(route: stream_pb2.Route) -> tuple[str, str, str]:
    return route.vad, route.broker, route.egress
