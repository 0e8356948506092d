"""The network of a test: which pods there are, and what the wires between them do just now."""

from __future__ import annotations

import functools
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from local.child import ROOT, Program
from local.supervisor import Supervisor
from tests.net import pod
from tests.net.rule import Rule
from tests.net.switch import ANYBODY

HERE: Final = "here"
"""The name of the pod in which the process that has made the net is."""

_NETWORK: Final = "10.99.0"
_BITS: Final = 24
_LAST_HOST: Final = 254
_POD: Final = (sys.executable, "-I", "-S", pod.__file__)
_RELAY: Final = "relay"
_ANSWERS_S: Final = 10.0
_MESSAGE_BYTES: Final = 65536
_PROBE_S: Final = 30.0


@dataclass(frozen=True)
class Traffic:
    """What a pod has sent and been sent, and what was dropped on the way to it or from it."""

    packets_out: int
    bytes_out: int
    packets_in: int
    bytes_in: int
    dropped: int


class RelayFault(Exception):
    """The relay does not do what it is told; the message says why."""


@functools.cache
def obstacle() -> str:
    """Say, in plain words, why there can be no net on this machine; "" when there can."""
    if sys.platform != "linux":
        return "there are pods on Linux only"
    if not Path("/dev/net/tun").exists():
        return "there is no /dev/net/tun (modprobe tun; for a container: --device /dev/net/tun --cap-add ALL)"
    probe = subprocess.run([*_POD, "--probe"], capture_output=True, text=True, timeout=_PROBE_S, check=False)
    return "" if probe.returncode == 0 else probe.stderr.strip() or f"a probe of it ended with {probe.returncode}"


class Net:
    """Pods and the relay between them: `async with Net() as net: …`. Raises StartFault, PodFault.

    This process goes into a pod of its own meanwhile (`HERE`), so it reaches the others by their addresses. A network
    namespace belongs to a thread, so: one `Net` at a time in a process, made and left in the same thread, before any
    thread (of gRPC's) is started that shall be in it. Everything is gone when the process is, however it ends.
    """

    def __init__(self) -> None:
        self._supervisor = Supervisor()
        self._stack = AsyncExitStack()
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = ""
        self._hosts = {HERE: 1}

    @staticmethod
    def obstacle() -> str:
        """Say, in plain words, why there can be no net on this machine; "" when there can."""
        return obstacle()

    async def __aenter__(self) -> Net:
        async with AsyncExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-net-"))
            self._socket = f"{folder}/relay"
            await stack.enter_async_context(self._supervisor)
            await self._supervisor.start(_relay_program(self._socket))
            stack.callback(self._line.close)
            self._line.settimeout(_ANSWERS_S)
            self._line.connect(self._socket)
            self._tell("stay")
            outside = pod.namespace()
            stack.callback(os.close, outside)
            pod.enter(HERE, self._with_bits(HERE), self._socket)
            stack.callback(pod.go_to, outside)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def relay_pid(self) -> int:
        """The process that carries the packets, for who wants to know what it costs."""
        return self._supervisor.pid(_RELAY)

    def pod(self, name: str) -> Sequence[str]:
        """Return what to put before a command so that it runs in the pod of this name, which has its own address.

        The pod may die and be started again: the address stays, and while it is dead connections are refused there.
        """
        self.address(name)
        return (*_POD, "--name", name, "--address", self._with_bits(name), "--relay", self._socket, "--")

    def address(self, name: str) -> str:
        """Return the IP of a pod, from now on its own."""
        host = self._hosts.setdefault(name, len(self._hosts) + 1)
        assert host <= _LAST_HOST, "a net holds 254 pods"
        return f"{_NETWORK}.{host}"

    def partition(self, name: str, peer: str = ANYBODY) -> None:
        """Cut a pod off, both ways: from everybody, or from one peer only."""
        self.apply(name, Rule(cut=True), to=peer)

    def slow(
        self, name: str, peer: str = ANYBODY, *, delay_ms: float, jitter_ms: float = 0.0, bytes_per_s: float = 0.0
    ) -> None:
        """Hold up everything that a pod sends and is sent: to and from everybody, or one peer only."""
        self.apply(name, Rule(delay_ms=delay_ms, jitter_ms=jitter_ms, bytes_per_s=bytes_per_s), to=peer)

    def apply(self, name: str, rule: Rule, *, to: str = ANYBODY, both: bool = True) -> None:
        """Put a rule on what a pod sends (to one peer only, where `to` is given), and with `both` on the way back."""
        for source, target in ((name, to), (to, name))[: 1 + both]:
            self._tell("rule", **{"from": source, "to": target, "rule": asdict(rule)})

    def heal(self, name: str, peer: str = ANYBODY) -> None:
        """Take back whatever was done to a pod's wires, or to those to one peer. What they held up arrives at once."""
        if peer:
            self.apply(name, Rule(), to=peer)
        else:
            self._tell("heal", name=name)

    def traffic(self) -> dict[str, Traffic]:
        """Return what has passed so far, by pod."""
        return {name: Traffic(**counted) for name, counted in self._tell("traffic").items()}

    def _with_bits(self, name: str) -> str:
        return f"{self.address(name)}/{_BITS}"

    def _tell(self, what: str, **more: Any) -> dict[str, Any]:
        """Have the relay do something, and wait until it has: a millisecond."""
        try:
            self._line.send(json.dumps({"do": what, **more}).encode())
            answer: dict[str, Any] = json.loads(self._line.recv(_MESSAGE_BYTES) or '{"fault": "it has ended"}')
        except OSError as error:
            raise RelayFault(f"the relay does not answer: {error}") from error
        if "fault" in answer:
            raise RelayFault(f"the relay: {answer['fault']}")
        return answer


def _relay_program(path: str) -> Program:
    return Program(
        _RELAY,
        (sys.executable, "-m", "tests.net.relay", "--socket", path),
        re.compile(r"^ready relay"),
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ.get("PATH", os.defpath)},
    )
