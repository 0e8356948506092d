"""The network of a test: which pods there are, and what the wires between them do just now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.net.rule import Rule


@dataclass(frozen=True)
class Traffic:
    """What a pod has sent and been sent, and what was dropped on the way to it or from it."""

    packets_out: int
    bytes_out: int
    packets_in: int
    bytes_in: int
    dropped: int


class Net:
    """Pods and the relay between them: `async with Net() as net: …`.

    This process goes into a pod of its own meanwhile (`HERE`), so it reaches the others by their addresses. A network
    namespace belongs to a thread, so: one `Net` at a time in a process, entered before any thread (gRPC's) is started.
    Everything is gone when the process is, however it ends.
    """

    HERE = "here"
    """The name of the pod in which this process is."""

    @staticmethod
    def obstacle() -> str:
        """Say, in plain words, why there can be no such network on this machine; "" when there can."""
        raise NotImplementedError

    async def __aenter__(self) -> Net:
        raise NotImplementedError

    async def __aexit__(self, *_: object) -> None:
        raise NotImplementedError

    def pod(self, name: str) -> Sequence[str]:
        """Return what to put before a command so that it runs in the pod of this name, which has its own address.

        The pod may die and be started again: the address stays, and while it is dead connections are refused there.
        """
        raise NotImplementedError

    def address(self, name: str) -> str:
        """Return the address of a pod: the IP alone."""
        raise NotImplementedError

    def partition(self, name: str, peer: str = "") -> None:
        """Cut a pod off, both ways: from everybody, or from one peer only."""
        raise NotImplementedError

    def heal(self, name: str, peer: str = "") -> None:
        """Take back whatever was done to a pod's wires, or to those to one peer."""
        raise NotImplementedError

    def slow(self, name: str, peer: str = "", *, delay_ms: float, jitter_ms: float = 0, bytes_per_s: float = 0) -> None:
        """Hold up everything that a pod sends and is sent: to and from everybody, or one peer only."""
        raise NotImplementedError

    def apply(self, name: str, rule: Rule, *, to: str = "", both: bool = True) -> None:
        """Put a rule on what a pod sends (to one peer only, where `to` is given), and with `both` on the way back."""
        raise NotImplementedError

    def traffic(self) -> dict[str, Traffic]:
        """Return what has passed so far, by pod."""
        raise NotImplementedError
