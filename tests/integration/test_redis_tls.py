"""Redis over TLS with a user and a password: the real server behind a TLS socket, reached as the stages reach it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from redis.asyncio import Redis

from local.redis_server import RedisServer
from services.common.errors import StoreLost
from services.common.settings import CommonSettings, Environment
from services.common.store import Store, connect
from tests.fakes.certificates import Authority


@asynccontextmanager
async def encrypted(url: str, cert: Path, key: Path) -> AsyncIterator[int]:
    """Stand before a plain Redis; give the port."""
    parts, context = urlsplit(url), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    lines: set[asyncio.Task[None]] = set()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection(parts.hostname, parts.port)
        for way in (pass_on(reader, behind_writer), pass_on(behind_reader, writer)):
            task = asyncio.create_task(way)
            lines.add(task)
            task.add_done_callback(lines.discard)

    async with await asyncio.start_server(join, "127.0.0.1", 0, ssl=context) as server:
        yield int(server.sockets[0].getsockname()[1])
        for line in list(lines):
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)


async def ping(**values: str) -> str:
    """Reach Redis as a stage does; return what hinders it."""
    env = Environment({f"PARLEY_REDIS_{name}": value for name, value in values.items()})
    store = Store(connect(CommonSettings.read(env, 7701).redis_url))
    try:
        await store.ping()
    except StoreLost as error:
        return error.message
    finally:
        await store.close()
    return ""


async def test_a_stage_reaches_redis_over_tls_with_its_user_and_password(tmp_path: Path) -> None:
    """The CA and the password come from files; a wrong one of either is a Redis that is not there."""
    authority, password = Authority(tmp_path), tmp_path / "password"
    password.write_text("what nobody guesses\n")
    async with RedisServer() as redis, encrypted(redis.url, *authority.issue("redis", "localhost")) as port:
        admin = Redis.from_url(redis.url)
        await admin.acl_setuser(
            "parley", enabled=True, passwords=["+what nobody guesses"], keys=["*"], categories=["+@all"]
        )
        url = f"rediss://parley@localhost:{port}/0"
        right = {"URL": url, "CA": str(authority.ca_file), "PASSWORD_FILE": str(password)}
        assert await ping(**right) == ""
        assert await ping(URL=url, PASSWORD_FILE=str(password)) != ""  # who signed it, nobody knows
        assert await ping(URL=url, CA=str(authority.ca_file), PASSWORD="guessed") != ""
        assert await ping(**{**right, "URL": f"rediss://parley@127.0.0.1:{port}/0"}) != ""  # not its name
        await admin.aclose()
