"""Health over gRPC: `grpc.health.v1` at a door of its own, in plain text, and at the stage's door for its callers.

The door of its own is for probes: Kubernetes asks without TLS and without a certificate. It answers from what is known
already, in the event loop of the conversations: a loop that is stuck does not answer, which is the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2 as wire
from grpc_health.v1 import health_pb2_grpc as rpc
from grpc_health.v1.health import aio

from services.common.errors import SettingsFault, StoreLost
from services.common.health_state import LIVENESS, OVERALL, READINESS, STARTUP, HealthState, Needs
from services.common.process import announce_door
from services.common.settings import Environment

VARIABLE: Final = "PARLEY_HEALTH_LISTEN"

LOOK_S: Final = 0.5
ASK_S: Final = 2.0
"""How often the clock is looked at, and Redis asked."""

AT_ONCE: Final = 32
"""Calls at the door of its own; one more is refused. A kubelet makes one at a time."""

WATCHERS: Final = 100
"""Callers that watch, at all doors; one more is refused. The clients' door is open to anybody who can reach it."""

LAST_WORD_S: Final = 0.5
"""Who watches at the door of its own has so long to be told that the process goes; without one it closes at once."""

_HERE: Final = "127.0.0.1"
_EXAMPLE: Final = f"{_HERE}:7790"

Ping = Callable[[], Awaitable[object]]


def listen_address(env: Environment) -> str:
    """Return where PARLEY_HEALTH_LISTEN wants it served, as host:port; "" for nowhere.

    A port alone is one of the loopback, 0 any free one. Raises SettingsFault.
    """
    return env.side_door(VARIABLE, _EXAMPLE)


class _Servicer(aio.HealthServicer):  # type: ignore[misc]  # it has no types
    """Answers, as the library does, but not to any number at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._watching = 0

    async def Watch(self, request: wire.HealthCheckRequest, context: Any) -> None:  # noqa: N802 - gRPC's name
        """Tell of each change until the caller goes."""
        if self._watching >= WATCHERS:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many watch already; use Check.")
        self._watching += 1
        try:
            await super().Watch(request, context)
        finally:
            self._watching -= 1


class Health:
    """One process's. `services` are the full names of what it serves, which its callers may ask about.

    `ping` asks Redis, and raises StoreLost; `also` is another condition of being ready. Have it `run` while it is
    `served`; say `opened` and, before anything else when the process is to stop, `drain`.
    """

    def __init__(
        self,
        listen: str,
        *services: str,
        needs: Needs = Needs.NOTHING,
        ping: Ping | None = None,
        also: Callable[[], bool] = lambda: True,
    ) -> None:
        self._listen = listen
        self._names = (STARTUP, READINESS, LIVENESS, OVERALL, *services)
        self._ping = ping
        self._state = HealthState(needs, also)
        self._servicer = _Servicer()
        self._said: dict[str, bool] = {}

    def add_to(self, server: grpc.aio.Server) -> None:
        """Answer at another door, too: a client that balances asks on the connection that it will use."""
        rpc.add_HealthServicer_to_server(self._servicer, server)

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Serve while the block lasts, announce where, and give the address; with "" as its address it serves nothing.

        Raises:
            SettingsFault: the port is taken, or the host isn't this machine's.
        """
        await self._tell()
        if not self._listen:
            yield ""
            return
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)], maximum_concurrent_rpcs=AT_ONCE)
        self.add_to(server)
        try:
            port = server.add_insecure_port(self._listen)
        except RuntimeError as error:
            raise SettingsFault(
                f"cannot answer probes at {self._listen}: the port is taken or the host is not of this machine. "
                f"Set {VARIABLE}."
            ) from error
        address = f"{self._listen.rpartition(':')[0]}:{port}"
        await server.start()
        announce_door("health", address)
        try:
            yield address
        finally:
            await server.stop(grace=LAST_WORD_S)

    async def opened(self) -> None:
        """Say that the process has begun."""
        self._state.open()
        await self._tell()

    async def drain(self) -> None:
        """Say that nothing new shall come."""
        self._state.drain()
        await self._tell()

    async def run(self) -> None:
        """Look at the clock and ask Redis, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look())
            if self._ping is not None:
                group.create_task(self._keep_asking(self._ping))

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            due_s = now() + LOOK_S
            await asyncio.sleep(LOOK_S)
            self._state.looked(now() - due_s)
            await self._tell()

    async def _keep_asking(self, ping: Ping) -> None:
        while True:
            with suppress(StoreLost):
                await ping()
                self._state.redis_answered(asyncio.get_running_loop().time())
                await self._tell()
            await asyncio.sleep(ASK_S)

    async def _tell(self) -> None:
        now_s = asyncio.get_running_loop().time()
        for name in self._names:
            serves = self._state.is_serving(name, now_s)
            if self._said.get(name) is not serves:
                self._said[name] = serves
                status = wire.HealthCheckResponse.SERVING if serves else wire.HealthCheckResponse.NOT_SERVING
                await self._servicer.set(name, status)
