"""The ring with every service in several copies, as real processes that can be killed, frozen, cut off and slowed."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from local.supervisor import Supervisor
from services.common.store import Store, connect
from tests.chaos.blueprint import LOOPBACK, METRICS, RING, SERVICES, WEBSOCKET, Blueprint, ClusterSettings
from tests.chaos.vitals import Vitals, is_frozen, vitals
from tests.net.net import HERE, Net
from tests.net.rule import Rule

__all__ = ["FAULTS", "KILL", "PARTITION", "SERVICES", "SLOW", "STOP", "Cluster", "ClusterSettings", "Vitals"]

KILL: Final = "kill"
STOP: Final = "stop"
PARTITION: Final = "partition"
SLOW: Final = "slow"
FAULTS: Final = (KILL, STOP, PARTITION, SLOW)

SLOW_WIRE: Final = Rule(delay_ms=80, jitter_ms=40, bytes_per_s=250_000)
"""A bad mobile connection, each way."""
_CUT_WIRE: Final = Rule(cut=True)
_DRAIN_S: Final = 60.0


class Cluster:
    """`async with Cluster(settings) as cluster: …`. Raises StartFault, NoRedisError, PodFault.

    Processes: "redis", "ingress", "ingress-2", "vad", "vad-2", … "model", "model-2". Where there is a net this
    process is in a pod of it meanwhile (see `Net`: one at a time, and before gRPC is used), so it can dial every
    address here, and what it serves itself can be reached at `here`.
    """

    net: Net | None = None
    """The network, where there is one."""
    store: Store
    """Redis as seen from here, past every fault of the network (not of the process)."""

    def __init__(self, settings: ClusterSettings) -> None:
        self.settings = settings
        self._supervisor = Supervisor(settings.log_folder, notice=settings.notice)
        self._stack = AsyncExitStack()
        self._plan: Blueprint
        self._returning: dict[str, asyncio.Task[None]] = {}
        self._killed: dict[str, int] = {}
        self._unwell: set[str] = set()
        """Whose wires are not as they should be."""

    async def __aenter__(self) -> Cluster:
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-cluster-")))
            if self.settings.net and not Net.obstacle():
                self.net = await stack.enter_async_context(Net())
            self._plan = Blueprint(self.settings, self.net, folder)
            await stack.enter_async_context(self._supervisor)
            await self._supervisor.start(self._plan.redis(), foundation=True)
            self.store = Store(connect(self.redis_past_the_network))
            stack.push_async_callback(self.store.close)
            await self._supervisor.start_together(map(self._plan.program, self._plan.names))
            stack.push_async_callback(self._let_nothing_return)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def addresses(self) -> dict[str, str]:
        """Where each process listens: host:port, by name. They never change."""
        return self._plan.addresses

    @property
    def here(self) -> str:
        """The IP at which the processes reach this one, for tools and webhooks: bind to it."""
        return self.net.address(HERE) if self.net else LOOPBACK

    @property
    def redis_past_the_network(self) -> str:
        """The URL at which this process reaches Redis whatever the network does."""
        return f"unix://{self._plan.redis_socket}?db=0"

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults that can be inflicted here: without a net only KILL and STOP."""
        return FAULTS if self.net else (KILL, STOP)

    @property
    def doors(self) -> list[str]:
        """Where gRPC clients come in: host:port of each ingress."""
        return [self.addresses[name] for name in self.names("ingress")]

    @property
    def websockets(self) -> list[str]:
        """Where WebSocket clients come in: the URL of each ingress, in the order of `doors`."""
        return [f"ws://{self._plan.doors[name, WEBSOCKET]}/v1/converse" for name in self.names("ingress")]

    def metrics(self, name: str) -> str:
        """Return the host:port of a process's metrics; "" if it serves none."""
        address = self._plan.doors.get((name, METRICS), "")
        return address if f"door metrics {address}" in self.logs(name) else ""

    def names(self, service: str = "") -> list[str]:
        """Return the names of all processes, or of one service's copies."""
        return self._plan.copies(service) if service in SERVICES else [service] if service else self._supervisor.names()

    def pid(self, name: str) -> int:
        """Return the process id; 0 while it does not run."""
        return self._supervisor.pid(name)

    def deaths(self, name: str) -> int:
        """Return how often a process has died, by a fault or by itself."""
        return self._killed.get(name, 0) + self.crashes(name)

    def crashes(self, name: str) -> int:
        """Return how often a process has ended by itself, which none ever should."""
        return self._supervisor.restarts(name)

    def logs(self, name: str) -> list[str]:
        """Return the last 2000 lines that a process printed, through all its lives."""
        return self._supervisor.logs(name)

    def vitals(self, name: str) -> Vitals:
        """Return what a process has just now. Raises ProcessLookupError while it does not run."""
        return vitals(self.pid(name))

    def is_frozen(self, name: str) -> bool:
        """Tell whether a process stands still by a signal. Raises ProcessLookupError while it does not run."""
        return is_frozen(self.pid(name))

    async def serving(self, session: str) -> dict[str, str]:
        """Return which process serves a session, by service: {"ingress": "ingress", "vad": "vad-2", …}; {} if none.

        It is what the session's record in Redis says. Which model it is the record does not say. Raises StoreLost.
        """
        record = await self.store.read_record(session)
        if record is None:
            return {}
        route = {"ingress": record.ingress, "vad": record.route.vad, "broker": record.route.broker}
        route["egress"] = record.route.egress
        by_address = {self.addresses[name]: name for name in self._plan.names}
        return {service: by_address[route[service]] for service in RING if route[service] in by_address}

    async def inflict(self, fault: str, name: str, seconds: float) -> None:
        """Let a fault last so long; return when it is over and the process is ready again.

        KILL: SIGKILL, dead for so long, then started again at its address. STOP: SIGSTOP, then SIGCONT. PARTITION: no
        packet passes, and nobody is told. SLOW: 80 to 120 ms each way, 250 kB/s. A cancel ends it at once, but for a
        death, which lasts as long as it lasts.
        """
        if fault == KILL:
            self.kill(name, seconds)
        else:
            begin, end = {
                STOP: (self.stop, self.cont),
                PARTITION: (self.partition, self.heal),
                SLOW: (self.slow, self.heal),
            }[fault]
            begin(name)
            try:
                await asyncio.sleep(seconds)
            finally:
                end(name)
        await self.wait_ready(name)

    def kill(self, name: str, down_s: float = 0.0) -> None:
        """SIGKILL; started again at its address after `down_s`, in the background. One that is down is left alone."""
        if not self.pid(name) or (name in self._returning and not self._returning[name].done()):
            return
        self._killed[name] = self._killed.get(name, 0) + 1
        self._supervisor.kill(name, signal.SIGKILL)
        self._returning[name] = asyncio.create_task(self._return(name, down_s), name=f"return of {name}")

    async def _return(self, name: str, down_s: float) -> None:
        await self._supervisor.stop(name)  # it is dead; so the supervisor leaves its return to us
        await asyncio.sleep(down_s)
        await self._supervisor.revive(name)

    async def wait_ready(self, name: str) -> None:
        """Wait until a process, having been killed, is ready again. Raises StartFault if it can't be."""
        if name in self._returning:
            await asyncio.shield(self._returning[name])
        await self._supervisor.wait_ready(name)

    async def wait_all_ready(self) -> None:
        """Heal every wire, thaw every process, and wait until all are ready."""
        for name in list(self._unwell):
            self.heal(name)
        for name in self.names():
            self.cont(name)
        await asyncio.gather(*map(self.wait_ready, self.names()))

    def stop(self, name: str) -> None:
        """SIGSTOP: it stands still, its connections stay."""
        self._supervisor.kill(name, signal.SIGSTOP)

    def cont(self, name: str) -> None:
        """SIGCONT: it goes on, and finds that time has passed."""
        self._supervisor.kill(name, signal.SIGCONT)

    def partition(self, name: str) -> None:
        """Cut a process off from all others, both ways."""
        self._wire(name, _CUT_WIRE)

    def slow(self, name: str, rule: Rule = SLOW_WIRE) -> None:
        """Make everything to and from a process late and narrow."""
        self._wire(name, rule)

    def heal(self, name: str) -> None:
        """Take back `partition` and `slow`."""
        self._unwell.discard(name)
        if self.net:
            self.net.heal(name)

    def _wire(self, name: str, rule: Rule) -> None:
        assert self.net is not None, "without a net there are no wires to be spoiled"
        self._unwell.add(name)
        self.net.apply(name, rule)

    async def drain(self, name: str) -> None:
        """SIGTERM, and wait until it has ended in good order; it stays down until `revive`."""
        await self._supervisor.stop(name, _DRAIN_S)

    async def revive(self, name: str) -> None:
        """Start again, at its address, what was drained. Raises StartFault."""
        await self._supervisor.revive(name)

    async def _let_nothing_return(self) -> None:
        """As all is stopped nothing may come back; a process that could not is told of here at the latest."""
        for task in self._returning.values():
            task.cancel()
        for result in await asyncio.gather(*self._returning.values(), return_exceptions=True):
            if isinstance(result, Exception):
                raise result
