"""Which processes a cluster consists of: their names, addresses, commands and environments."""

from __future__ import annotations

import os
import random
import re
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local import redis_server
from local.child import ROOT, Program
from tests.net.net import Net

REDIS: Final = "redis"
MODEL: Final = "model"
RING: Final = ("ingress", "vad", "broker", "egress")
SERVICES: Final = (*RING, MODEL)
WEBSOCKET: Final = "websocket"
METRICS: Final = "metrics"
LOOPBACK: Final = "127.0.0.1"

_PORTS: Final = {"ingress": 7700, "vad": 7701, "broker": 7702, "egress": 7703, MODEL: 8765, REDIS: 6379}
_DOOR_PORTS: Final = {WEBSOCKET: 7780, METRICS: 9464}
_COPIES: Final = 2
_ENGINE_KEY: Final = "of-this-cluster"
"""Without one the engine takes calls of its own machine only, and a pod is another one."""
_PATIENCE_S: Final = 180.0
"""How long a process may take to be ready where a dozen others begin at the same moment on two cores."""
_QUIET_PORTS: Final = range(20_000, 32_000)
"""Below those that the kernel deals out to whoever dials: a dead process's port is nobody else's meanwhile."""
_READY: Final = re.compile(r"^ready \S+ (?P<address>\S+:\d+)$")
_ENGINE_READY: Final = re.compile(r"engine listening on (?P<address>wss?://\S+)")
_REDIS_READY: Final = re.compile(r"Ready to accept connections")
_NOT_OURS: Final = re.compile(r"(?i)^(PARLEY_.*|OPENAI_.*|.*_proxy)$")
"""Variables of whoever runs the tests that no process of a cluster may see."""


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

    def __post_init__(self) -> None:
        """Raise ValueError for a service that does not exist."""
        for name in {*self.env, *self.copies}:
            if service_of(name) not in SERVICES:
                raise ValueError(f"a cluster has no {name!r}, only {', '.join(SERVICES)}")


def service_of(name: str) -> str:
    """Return which service a process is a copy of."""
    return name.partition("-")[0]


class Blueprint:
    """Names, addresses and programs; the addresses are known before anything is started, so all can start at once."""

    def __init__(self, settings: ClusterSettings, net: Net | None, folder: Path) -> None:
        self.settings = settings
        self.names = [name for service in SERVICES for name in self.copies(service)]
        """All processes but Redis."""
        self.redis_socket = folder / "redis.sock"
        """Where Redis can be reached past the network."""
        self._net = net
        self._folder = folder
        self._taken: set[int] = set()
        self.addresses = {name: self._address(name, _PORTS[service_of(name)]) for name in (REDIS, *self.names)}
        """Where each listens: host:port."""
        self.doors = {
            (name, kind): self._address(name, _DOOR_PORTS[kind])
            for name in self.names
            for kind in (WEBSOCKET, METRICS)
            if kind == METRICS or service_of(name) == "ingress"
        }
        """Where else: host:port by name and kind of door. Not every service serves metrics."""

    def copies(self, service: str) -> list[str]:
        """Return the names of a service's processes."""
        return [service, *(f"{service}-{n}" for n in range(2, self.settings.copies.get(service, _COPIES) + 1))]

    def redis(self) -> Program:
        """Describe Redis. Raises NoRedisError."""
        host, _, port = self.addresses[REDIS].rpartition(":")
        argv = [str(redis_server.find_server()), "--bind", host, "--port", port, "--protected-mode", "no"]
        argv += ["--dir", str(self._folder), "--unixsocket", str(self.redis_socket), "--daemonize", "no", "--save", ""]
        keeps = ["--appendonly", "yes", "--appendfsync", "always"] if self.settings.redis_keeps else []
        env = {"PATH": os.environ.get("PATH", os.defpath)}
        return self._placed(Program(REDIS, [*argv, *keeps], _REDIS_READY, env=env, cwd=self._folder))

    def program(self, name: str) -> Program:
        """Describe any other process."""
        service = service_of(name)
        command: Sequence[str] = (sys.executable, "-m", f"services.{service}")
        ready = _READY
        if service == MODEL and self.settings.model is None:
            command, ready = (sys.executable, "-m", "services.engine"), _ENGINE_READY
        elif service == MODEL:
            assert self.settings.model is not None
            command = [part.format(address=self.addresses[name], name=name) for part in self.settings.model]
        return self._placed(Program(name, command, ready, env=self._environment(name), patience_s=_PATIENCE_S))

    def _placed(self, program: Program) -> Program:
        """Return the program in its pod, if there are pods."""
        if self._net is None:
            return program
        command = (*self._net.pod(program.name), *program.argv)
        return Program(
            program.name, command, program.ready, env=program.env, cwd=program.cwd, patience_s=program.patience_s
        )

    def _environment(self, name: str) -> dict[str, str]:
        service = service_of(name)
        env = {variable: value for variable, value in os.environ.items() if not _NOT_OURS.match(variable)}
        env |= {
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "protos" / "gen"))),
            "PYTHONUNBUFFERED": "1",
            "PARLEY_REDIS_URL": f"redis://{self.addresses[REDIS]}/0",
            "PARLEY_LISTEN": self.addresses[name],
            "PARLEY_METRICS_LISTEN": self.doors[name, METRICS],
        }
        if service == "ingress":
            env["PARLEY_WS_LISTEN"] = self.doors[name, WEBSOCKET]
            env["PARLEY_AUTH"] = "off"  # a pod has an address of its own, and nobody else is in its network
            for peer, variable in (("vad", "PARLEY_VADS"), ("broker", "PARLEY_BROKERS"), ("egress", "PARLEY_EGRESSES")):
                env[variable] = ",".join(self.addresses[copy] for copy in self.copies(peer))
        if service == "broker":
            env["PARLEY_MODEL_URL"] = ",".join(
                f"ws://{self.addresses[copy]}/v1/realtime" for copy in self.copies(MODEL)
            )
            if self.settings.model is None:
                env |= {"PARLEY_MODEL_SERVER": "engine", "PARLEY_ENGINE_KEY": _ENGINE_KEY}
        if service == MODEL:
            host, _, port = self.addresses[name].rpartition(":")
            env |= {"PARLEY_ENGINE_HOST": host, "PARLEY_ENGINE_PORT": port, "PARLEY_ENGINE_KEY": _ENGINE_KEY}
        return env | {**self.settings.env.get(service, {}), **self.settings.env.get(name, {})}

    def _address(self, name: str, port: int) -> str:
        if self._net is not None:
            return f"{self._net.address(name)}:{port}"
        return f"{LOOPBACK}:{self._quiet_port()}"

    def _quiet_port(self) -> int:
        while True:
            port = random.choice(_QUIET_PORTS)
            if port not in self._taken and _is_free(port):
                self._taken.add(port)
                return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
