"""A watched Redis: a master, its replica, and three sentinels that replace it, real processes that want passwords."""

from __future__ import annotations

import re
import signal
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

from redis.asyncio import Redis

from local import redis_server
from local.child import Program
from local.supervisor import Supervisor
from tests.fakes.eventually import until

SERVICE: Final = "parley"
SENTINELS: Final = ("sentinel", "sentinel-2", "sentinel-3")
SERVERS: Final = ("redis", "redis-2")
DOWN_AFTER_MS: Final = 1_000

PASSWORD: Final = "hu/sh"
SENTINEL_PASSWORD: Final = "whisper"

_QUORUM: Final = 2
_SENTINEL_READY: Final = re.compile(r"\+monitor master")


class WatchedRedis:
    """`async with WatchedRedis() as redis: … redis.url`. Servers are called "redis" and "redis-2"; the first begins."""

    def __init__(self, *, keeps: bool = False) -> None:
        self.ports: dict[str, int] = {}
        self._keeps = keeps
        self._supervisor = Supervisor()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        binary = redis_server.find_server()
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-sentinels-")))
            await stack.enter_async_context(self._supervisor)
            for name in SERVERS:
                await self._start_server(binary, folder, name)
            for name in SENTINELS:
                await self._start_sentinel(binary, folder, name)
            await until(self._is_complete)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start_server(self, binary: Path, folder: Path, name: str) -> None:
        own = folder / name
        own.mkdir()
        self.ports[name] = port = redis_server.free_port()
        program = redis_server.program(binary, port, own, keeps=self._keeps)
        argv = [*program.argv, "--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"]
        argv += ["--requirepass", PASSWORD, "--masterauth", PASSWORD]
        if name != SERVERS[0]:
            argv += ["--replicaof", "127.0.0.1", str(self.ports[SERVERS[0]])]
        started = Program(name, argv, program.ready, env=program.env, cwd=program.cwd)
        await self._supervisor.start(started, foundation=True)

    async def _start_sentinel(self, binary: Path, folder: Path, name: str) -> None:
        own = folder / name
        own.mkdir()
        self.ports[name] = port = redis_server.free_port()
        settings = own / "sentinel.conf"
        settings.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {own}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.ports[SERVERS[0]]} {_QUORUM}\n"
            f"requirepass {SENTINEL_PASSWORD}\nsentinel sentinel-pass {SENTINEL_PASSWORD}\n"
            f"sentinel auth-pass {SERVICE} {PASSWORD}\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {SERVICE} 4000\n",
            encoding="utf-8",
        )
        env = redis_server.program(binary, port, own).env
        program = Program(name, [str(binary), str(settings), "--sentinel"], _SENTINEL_READY, env=env, cwd=own)
        await self._supervisor.start(program)

    async def _is_complete(self) -> bool:
        """Tell whether each sentinel knows the others and the replica."""
        for name in SENTINELS:
            async with self._client(name) as sentinel:
                master = await sentinel.sentinel_master(SERVICE)
                assert isinstance(master, dict)
                if (master["num-other-sentinels"], master["num-slaves"]) != (len(SENTINELS) - 1, 1):
                    return False
        return True

    @property
    def url(self) -> str:
        """Where the sentinels are."""
        hosts = ",".join(f"127.0.0.1:{self.ports[name]}" for name in SENTINELS)
        password = quote(PASSWORD, safe="")
        return f"redis+sentinel://:{password}@{hosts}/{SERVICE}/0?sentinel_password={SENTINEL_PASSWORD}"

    def url_of(self, name: str) -> str:
        """Where one server is."""
        return f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{self.ports[name]}/0"

    def _client(self, name: str) -> Redis:
        return Redis(port=self.ports[name], password=SENTINEL_PASSWORD if name in SENTINELS else PASSWORD)

    async def is_master(self, name: str) -> bool:
        """Tell whether a server takes writes."""
        async with self._client(name) as server:
            role = await server.role()
            return role[0] in (b"master", "master")

    async def follow(self, name: str, master: str) -> None:
        """Make a server a replica behind the sentinels' back; of itself: a master again."""
        where = ("NO", "ONE") if name == master else ("127.0.0.1", self.ports[master])
        async with self._client(name) as server:
            await server.execute_command("REPLICAOF", *where)  # type: ignore[no-untyped-call]

    async def die(self, name: str) -> None:
        """End a process by SIGKILL, and let it be dead until `revive`."""
        self._supervisor.kill(name, signal.SIGKILL)
        await self._supervisor.stop(name)

    async def revive(self, name: str) -> None:
        """Start it again, as it was started first."""
        await self._supervisor.revive(name)

    def freeze(self, name: str) -> None:
        """Let it stand still: connections stay, and nothing is answered."""
        self._supervisor.kill(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let it go on."""
        self._supervisor.kill(name, signal.SIGCONT)

    async def fail_over(self) -> None:
        """Let the sentinels replace a master that is well."""
        async with self._client(SENTINELS[0]) as sentinel:
            await sentinel.execute_command("SENTINEL", "FAILOVER", SERVICE)  # type: ignore[no-untyped-call]

    async def promoted(self, name: str) -> None:
        """Wait until a server is the master."""
        await until(lambda: self.is_master(name))
