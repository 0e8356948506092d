"""Redis over TLS with a user and a password: the real server behind a TLS socket, reached as the stages reach it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from local.redis_server import RedisServer
from parley.v1 import session_pb2 as wire
from services.common import redis_client
from services.common import store as store_module
from services.common.errors import StoreLost
from services.common.settings import CommonSettings, Environment
from services.common.store import Store, connect
from services.common.topic import Publisher, Subscriber
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


async def test_a_stage_reaches_redis_over_tls_with_its_user_and_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CA and the password come from files; a wrong one of either is a Redis that is not there."""
    for module, patience in ((store_module, "ANSWER_S"), (redis_client, "CONNECT_S")):
        monkeypatch.setattr(module, patience, 20.0)  # a busy machine is not what is tried here
    authority, password = Authority(tmp_path), tmp_path / "password"
    password.write_text("what nobody guesses\n")
    async with RedisServer() as redis, encrypted(redis.url, *authority.issue("redis", "localhost")) as port:
        admin = Redis.from_url(redis.url)
        await admin.acl_setuser(
            "parley",
            enabled=True,
            reset_channels=True,
            passwords=["+what nobody guesses"],
            keys=["session:*", "access:*"],
            channels=["parley:interrupts"],
            categories=["+@read", "+@write", "+@connection", "+@transaction", "+@scripting", "+@pubsub"],
            commands=["+time"],
        )
        url = f"rediss://parley@localhost:{port}/0"
        right = {"URL": url, "CA": str(authority.ca_file), "PASSWORD_FILE": str(password)}
        assert await ping(**right) == ""
        assert await ping(URL=url, PASSWORD_FILE=str(password)) != ""  # who signed it, nobody knows
        assert await ping(URL=url, CA=str(authority.ca_file), PASSWORD="guessed") != ""
        assert await ping(**{**right, "URL": f"rediss://parley@127.0.0.1:{port}/0"}) != ""  # not its name
        await _use(CommonSettings.read(Environment({f"PARLEY_REDIS_{k}": v for k, v in right.items()}), 1).redis_url)
        await admin.aclose()


async def _use(url: str) -> None:
    """Do what stages do there: with the rights that docs/redis.md names they may."""
    store, publishing = Store(connect(url)), connect(url)
    lease = await store.take_lease("one", "me")
    assert await store.write_record(wire.SessionRecord(session="one", lease=lease, dial=1))
    assert await store.append_history("one", wire.HistoryItem(text="hello"), lease=lease, dial=1) == 1
    assert [item.text for item in await store.history("one")] == ["hello"]
    assert not (await store.renew_leases("me", {"one": lease})).superseded
    assert await store.unrenewed_s("one") is not None
    heard: asyncio.Future[wire.Interrupt] = asyncio.get_running_loop().create_future()
    subscriber, publisher = Subscriber(url, store), Publisher(publishing)
    subscriber.follow("one", heard.set_result)
    tasks = [asyncio.create_task(each.run()) for each in (subscriber, publisher)]
    await asyncio.sleep(0.3)
    publisher.publish(wire.Interrupt(session="one", seq=1, floor=1))
    assert (await asyncio.wait_for(heard, 20)).floor == 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await store.forget("one", keep_history=False)
    await subscriber.close()
    await publishing.aclose()
    await store.close()
