"""The ring with every service in several copies, as real processes that can be killed, frozen, cut off and slowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from services.common.store import Store
from tests.net.net import Net

KILL: Final = "kill"
STOP: Final = "stop"
PARTITION: Final = "partition"
SLOW: Final = "slow"
FAULTS: Final = (KILL, STOP, PARTITION, SLOW)
SERVICES: Final = ("ingress", "vad", "broker", "egress", "model")


@dataclass(frozen=True)
class ClusterSettings:
    """What kind of cluster is wanted."""

    model: Sequence[str] | None = None
    """The model's command; "{address}" in it stands for the host:port where it has to listen, "{name}" for its name.
    It prints `ready model HOST:PORT`, and is dialled at ws://HOST:PORT/v1/realtime. None: our own engine."""
    copies: Mapping[str, int] = field(default_factory=dict)
    """How many of each service; two where nothing is said. They are called "vad", "vad-2" and so on."""
    env: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Further variables by service or by process: {"broker": {…}, "vad-2": {…}}."""
    net: bool = True
    """Whether each process is in a pod of its own, where that can be; else all are on 127.0.0.1."""
    redis_keeps: bool = False
    """Whether Redis keeps its data on disk and so has it again after a restart."""
    log_folder: Path | None = None
    """Where everything that is printed is kept, a file for each process."""
    notice: Callable[[str], None] = lambda text: None
    """Is told what happens to the processes."""


@dataclass(frozen=True)
class Vitals:
    """What a process has just now, as /proc tells."""

    rss_bytes: int
    fds: int
    threads: int
    cpu_s: float


class Cluster:
    """`async with Cluster(settings) as cluster: …`. Raises StartFault, NoRedisError.

    Processes: "redis", "ingress", "ingress-2", "vad", "vad-2", … "model", "model-2". Where a net is available this
    process is in a pod of it meanwhile (see `Net`), so it can dial every address here, and listen at `here`.
    """

    settings: ClusterSettings
    net: Net | None
    """The network, where there is one."""
    store: Store
    """Redis as seen from here, past every fault of the network (not of the process)."""
    addresses: dict[str, str]
    """Where each process listens: host:port, by name. They never change."""
    here: str
    """The IP at which the processes reach this one, for tools and webhooks: bind to it."""

    def __init__(self, settings: ClusterSettings) -> None:
        self.settings = settings

    async def __aenter__(self) -> Cluster:
        raise NotImplementedError

    async def __aexit__(self, *_: object) -> None:
        raise NotImplementedError

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults that can be inflicted here: without a net only KILL and STOP."""
        raise NotImplementedError

    @property
    def doors(self) -> list[str]:
        """Where gRPC clients come in: host:port of each ingress."""
        raise NotImplementedError

    @property
    def websockets(self) -> list[str]:
        """Where WebSocket clients come in: the URL of each ingress, in the order of `doors`."""
        raise NotImplementedError

    def names(self, service: str = "") -> list[str]:
        """Return the names of all processes, or of one service's copies."""
        raise NotImplementedError

    def pid(self, name: str) -> int:
        """Return the process id; 0 while it does not run."""
        raise NotImplementedError

    def deaths(self, name: str) -> int:
        """Return how often a process has ended, by a fault or by itself."""
        raise NotImplementedError

    def logs(self, name: str) -> list[str]:
        """Return the last 2000 lines that a process printed, through all its lives."""
        raise NotImplementedError

    def vitals(self, name: str) -> Vitals:
        """Return what a process has just now. Raises ProcessLookupError while it does not run."""
        raise NotImplementedError

    async def serving(self, session: str) -> dict[str, str]:
        """Return which process serves a session, by service: {"ingress": "ingress", "vad": "vad-2", …}; {} if none.

        It is what the session's record in Redis says. Which model it is the record does not say.
        """
        raise NotImplementedError

    async def inflict(self, fault: str, name: str, seconds: float) -> None:
        """Let a fault last so long; return when it is over and the process is ready again.

        KILL: SIGKILL, dead for so long, then started again at its address. STOP: SIGSTOP, then SIGCONT. PARTITION: no
        packet passes, and nobody is told. SLOW: 80 to 120 ms each way, 250 kB/s. A cancel ends the fault at once.
        """
        raise NotImplementedError

    def kill(self, name: str, down_s: float = 0.0) -> None:
        """SIGKILL; started again at its address after `down_s`, in the background."""
        raise NotImplementedError

    async def wait_ready(self, name: str) -> None:
        """Wait until a process, having been killed, is ready again. Raises StartFault if it can't be."""
        raise NotImplementedError

    async def wait_all_ready(self) -> None:
        """Wait until every process is ready, and nothing is frozen, cut off or slow."""
        raise NotImplementedError

    def stop(self, name: str) -> None:
        """SIGSTOP: it stands still, its connections stay."""
        raise NotImplementedError

    def cont(self, name: str) -> None:
        """SIGCONT: it goes on, and finds that time has passed."""
        raise NotImplementedError

    def partition(self, name: str) -> None:
        """Cut a process off from all others, both ways."""
        raise NotImplementedError

    def slow(self, name: str) -> None:
        """Make everything to and from a process late and narrow."""
        raise NotImplementedError

    def heal(self, name: str) -> None:
        """Take back `partition` and `slow`."""
        raise NotImplementedError

    async def drain(self, name: str) -> None:
        """SIGTERM, and wait until it has ended in good order; it stays down until `revive`."""
        raise NotImplementedError

    async def revive(self, name: str) -> None:
        """Start again, at its address, what was drained."""
        raise NotImplementedError
