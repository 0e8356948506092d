"""What the ring consists of on one machine: which programs, in which order, told of each other's addresses."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local import redis_server
from local.child import ROOT, Program, StartFault
from local.supervisor import Supervisor

SERVICES: Final = ("ingress", "vad", "broker", "egress", "engine")
ENGINE: Final = "engine"
"""The profile of our own engine among the servers that a broker knows."""
DOOR_PORT: Final = 7700
WEBSOCKET_PORT: Final = 7780
_LOOPBACK: Final = "127.0.0.1"
_READY: Final = re.compile(r"^ready \S+ (?P<address>\S+:\d+)$")
_ENGINE_READY: Final = re.compile(r"engine listening on (?P<address>wss?://\S+)")


@dataclass(frozen=True)
class RingSettings:
    """What kind of ring is wanted.

    `model_url` points the broker at another Realtime server than the ring's own engine, which then isn't started;
    None takes PARLEY_MODEL_URL, PARLEY_MODEL_SERVER, OPENAI_API_KEY, from the environment, then the engine;
    `engine=True` takes the engine whatever the environment says.
    `env` adds variables per service ({"vad": {"PARLEY_…": "…"}}); `copies` runs more than one ("vad", "vad-2", …).
    `port` and `websocket_port` are the doors': 0 for any, a number for that one or, when it is taken, any.
    `restart_after_s`: how long what dies stays dead at least; None: until it is revived. `log_folder` keeps everything
    printed; `show(name, line)` sees each line; `notice(text)` says what goes on.
    """

    model_url: str | None = None
    engine: bool = False
    env: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    copies: Mapping[str, int] = field(default_factory=dict)
    port: int = 0
    websocket_port: int = 0
    restart_after_s: float | None = 0.0
    log_folder: Path | None = None
    show: Callable[[str, str], None] | None = None
    notice: Callable[[str], None] = lambda text: None

    def __post_init__(self) -> None:
        """Raise ValueError for a service that does not exist, or two models."""
        if self.engine and self.model_url is not None:
            raise ValueError("either the ring's own engine or a model_url")
        for name in {*self.env, *self.copies}:
            if name.partition("-")[0] not in SERVICES:
                raise ValueError(f"the ring has no {name!r}, only {', '.join(SERVICES)}")


class Ring:
    """The ring as processes of this machine: `async with Ring() as ring: … ring.ingress`.

    Names are those of the services, "redis", and "vad-2" and so on for copies. Raises StartFault when a service
    can't start, NoRedisError when there is no Redis.
    """

    def __init__(self, settings: RingSettings | None = None) -> None:
        self.settings = settings or RingSettings()
        self.redis_url = ""
        self.model_url = ""
        self.addresses: dict[str, str] = {}
        """Where each process listens, by its name."""
        given = self.settings
        self._supervisor = Supervisor(given.log_folder, given.show, given.notice, given.restart_after_s)
        self._stack = AsyncExitStack()

    @property
    def ingress(self) -> str:
        """The door for gRPC: host:port of the (first) ingress."""
        return self.addresses["ingress"]

    @property
    def websocket(self) -> str:
        """The door for WebSocket of the (first) ingress, as a URL."""
        return self._websocket_of("ingress")

    @property
    def ingresses(self) -> list[str]:
        """The doors for gRPC: host:port of every ingress."""
        return [self.addresses[name] for name in self._names_of("ingress")]

    @property
    def websockets(self) -> list[str]:
        """The doors for WebSocket of every ingress, as URLs."""
        return [self._websocket_of(name) for name in self._names_of("ingress")]

    @property
    def page(self) -> str:
        """Where a browser finds the web client, at the (first) ingress; "" where PARLEY_WEB_PAGE is off."""
        wanted = self.settings.env.get("ingress", {}).get("PARLEY_WEB_PAGE", os.environ.get("PARLEY_WEB_PAGE", "on"))
        return f"http://{self._supervisor.door('ingress', 'websocket')}/" if wanted == "on" else ""

    @property
    def uses_engine(self) -> bool:
        """Whether the model is the ring's own engine."""
        return "engine" in self.addresses

    async def __aenter__(self) -> Ring:
        async with AsyncExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-ring-"))
            await stack.enter_async_context(self._supervisor)
            await self._start(Path(folder))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def names(self) -> list[str]:
        """Return the names of all processes."""
        return self._supervisor.names()

    def pid(self, name: str) -> int:
        """Return the process id of `name`; 0 while it does not run."""
        return self._supervisor.pid(name)

    def restarts(self, name: str) -> int:
        """Return how often `name` has been started again after it ended by itself or was killed."""
        return self._supervisor.restarts(name)

    def logs(self, name: str) -> list[str]:
        """Return the last 2000 lines that `name` printed, through all its lives."""
        return self._supervisor.logs(name)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to `name`; if it dies of it, it is started again at the same address, as the settings say."""
        self._supervisor.kill(name, number)

    async def wait_ready(self, name: str) -> None:
        """Wait until `name`, having been killed, is ready again."""
        await self._supervisor.wait_ready(name)

    async def stop(self, name: str) -> None:
        """Stop `name` (SIGTERM) and leave it stopped."""
        await self._supervisor.stop(name)

    async def revive(self, name: str) -> None:
        """Start again, at its address, what was stopped or is dead."""
        await self._supervisor.revive(name)

    async def _start(self, folder: Path) -> None:
        """Redis first; then what needs nothing else; the broker, which needs a model; the door last."""
        port = await redis_server.start(self._supervisor, redis_server.find_server(), folder)
        self.redis_url = f"redis://{_LOOPBACK}:{port}/0"
        self.addresses["redis"] = f"{_LOOPBACK}:{port}"
        self.settings.notice(f"redis is ready at {_LOOPBACK}:{port}")
        self.model_url, engine = self._choose_model()
        await self._start_services(["engine"] * engine + ["egress", "vad"])
        self.model_url = self.addresses.get("engine", self.model_url)
        await self._start_services(["broker"])
        await self._start_door()

    def _choose_model(self) -> tuple[str, bool]:
        """Return the Realtime server's URL ("" leaves it to the broker) and whether to run the engine."""
        if self.settings.engine or self.settings.model_url is not None:
            return self.settings.model_url or "", self.settings.engine
        if url := os.environ.get("PARLEY_MODEL_URL", ""):
            return url, False
        server = os.environ.get("PARLEY_MODEL_SERVER", "") or (os.environ.get("OPENAI_API_KEY", "") and "openai")
        return "", server in ("", ENGINE)

    async def _start_services(self, services: list[str]) -> None:
        await self._start_programs([name for service in services for name in self._names_of(service)])

    async def _start_programs(self, names: list[str]) -> None:
        programs = [self._program(name) for name in names]
        for program, address in zip(programs, await self._supervisor.start_together(programs), strict=True):
            self.addresses[program.name] = address
            self.settings.notice(f"{program.name} is ready at {address}")

    async def _start_door(self) -> None:
        wanted = (self.settings.port, self.settings.websocket_port)
        ports = [port if _is_free(port) else 0 for port in wanted]
        try:
            self.addresses["ingress"] = await self._supervisor.start(self._program("ingress", *ports))
        except StartFault:
            if all(map(_is_free, ports)):
                raise
            # Somebody was quicker between our look and the service's bind.
            self.addresses["ingress"] = await self._supervisor.start(self._program("ingress"))
        self.settings.notice(f"ingress is ready at {self.ingress}")
        await self._start_programs(self._names_of("ingress")[1:])

    def _websocket_of(self, name: str) -> str:
        return f"ws://{self._supervisor.door(name, 'websocket')}/v1/converse"

    def _names_of(self, service: str) -> list[str]:
        return [service, *(f"{service}-{n}" for n in range(2, self.settings.copies.get(service, 1) + 1))]

    def _program(self, name: str, port: int = 0, websocket_port: int = 0) -> Program:
        service = name.partition("-")[0]
        settle = _settle_engine if service == "engine" else lambda address: {"PARLEY_LISTEN": address}
        return Program(
            name,
            (sys.executable, "-m", f"services.{service}"),
            _ENGINE_READY if service == "engine" else _READY,
            env=self._environment(service, name, port, websocket_port),
            settle=settle,
            doors={"websocket": "PARLEY_WS_LISTEN"} if service == "ingress" else {},
        )

    def _environment(self, service: str, name: str, port: int, websocket_port: int) -> dict[str, str]:
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "protos" / "gen"))),
            "PYTHONUNBUFFERED": "1",
            "PARLEY_REDIS_URL": self.redis_url,
            "PARLEY_LISTEN": f"{_LOOPBACK}:{port}",
        }
        env.pop("PARLEY_MODEL_URL", None)
        if self.settings.engine:
            env.pop("OPENAI_API_KEY", None)
        if service == "engine":
            env |= {"PARLEY_ENGINE_HOST": _LOOPBACK, "PARLEY_ENGINE_PORT": "0"}
        if service == "broker" and self.model_url:
            env["PARLEY_MODEL_URL"] = self.model_url
            if self.uses_engine:
                env["PARLEY_MODEL_SERVER"] = ENGINE
            elif self.settings.model_url is not None:
                env.pop("PARLEY_MODEL_SERVER", None)
        if service == "ingress":
            env["PARLEY_WS_LISTEN"] = f"{_LOOPBACK}:{websocket_port}"
            for peer, variable in (("vad", "PARLEY_VADS"), ("broker", "PARLEY_BROKERS"), ("egress", "PARLEY_EGRESSES")):
                env[variable] = ",".join(self.addresses[copy] for copy in self._names_of(peer))
        return env | {**self.settings.env.get(service, {}), **self.settings.env.get(name, {})}


def _settle_engine(url: str) -> Mapping[str, str]:
    """Say where an engine that was at `url` has to listen again."""
    host, _, port = url.split("/")[2].rpartition(":")
    return {"PARLEY_ENGINE_HOST": host, "PARLEY_ENGINE_PORT": port}


def _is_free(port: int) -> bool:
    """Tell whether a port of the loopback can be had just now; 0 always can."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still fading is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError:
            return False
        return True
