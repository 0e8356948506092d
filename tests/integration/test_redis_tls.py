"""Redis over TLS with a user and a password: the real server behind a TLS socket, reached as the stages reach it."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from local.redis_server import RedisServer
from parley.v1 import session_pb2 as wire
from scripts import container_locks
from services.common import redis_client
from services.common import store as store_module
from services.common.errors import LimitFault, StoreLost
from services.common.settings import CommonSettings, Environment
from services.common.store import Store, connect
from services.common.topic import Publisher, Subscriber
from services.ingress.locks import revoked
from services.ingress.locks.accounts import Accounts
from services.ingress.locks.grant import Account
from tests.fakes.certificates import Authority
from tests.fakes.closing import closing

ROOT = Path(__file__).resolve().parents[2]


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
    async with (
        RedisServer() as redis,
        encrypted(redis.url, *authority.issue("redis", "localhost")) as port,
        Redis.from_url(redis.url) as admin,
    ):
        await _grant(admin, "what nobody guesses")
        url = f"rediss://parley@localhost:{port}/0"
        right = {"URL": url, "CA": str(authority.ca_file), "PASSWORD_FILE": str(password)}
        assert await ping(**right) == ""
        assert await ping(URL=url, PASSWORD_FILE=str(password)) != ""  # who signed it, nobody knows
        assert await ping(URL=url, CA=str(authority.ca_file), PASSWORD="guessed") != ""
        assert await ping(**{**right, "URL": f"rediss://parley@127.0.0.1:{port}/0"}) != ""  # not its name
        await _use(CommonSettings.read(Environment({f"PARLEY_REDIS_{k}": v for k, v in right.items()}), 1).redis_url)
        refused = {(each["reason"], each["object"]) for each in await admin.acl_log()}
        # The guessed password; and what a client says of itself, which Redis 6 knows as one with what is dangerous.
        assert {why for why in refused if why[0] != "auth"} <= {("command", "client")}


async def test_the_documented_rights_let_nobody_do_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not to read what is another's, nor empty, stop or set up the server; the locked compose grants the same."""
    monkeypatch.setattr(redis_client, "CONNECT_S", 20.0)
    assert f" {container_locks.RIGHTS}\n" in _documented()
    async with RedisServer() as redis, Redis.from_url(redis.url) as admin, _user(redis) as mine:
        await _grant(admin, "secret")
        for command in ("GET other", "FLUSHALL", "KEYS *", "CONFIG GET *", "SHUTDOWN", "PUBLISH other x", "ACL LIST"):
            with pytest.raises(NoPermissionError):
                await mine.execute_command(*command.split())  # type: ignore[no-untyped-call]


def _user(redis: RedisServer) -> Redis:
    return Redis.from_url(redis.url.replace("redis://", "redis://parley:secret@"))


def _documented() -> str:
    (line,) = re.findall(r"^ACL SETUSER .*\n", (ROOT / "docs" / "redis.md").read_text(), re.MULTILINE)
    return str(line)


async def _grant(admin: Redis, password: str) -> None:
    """Make the user that docs/redis.md names, with the rights that stand there."""
    words = [word if word != ">password" else f">{password}" for word in _documented().split()]
    await admin.execute_command(" ".join(words[:2]), *words[2:])  # type: ignore[no-untyped-call]


async def _use(url: str) -> None:
    """Do all that the services do there: with the rights that docs/redis.md names they may."""
    async with (
        closing(Store(connect(url))) as store,
        connect(url) as publishing,
        closing(Subscriber(url, store)) as subscriber,
    ):
        await _count_and_revoke(publishing)
        await _use_all(store, Publisher(publishing), subscriber)


async def _use_all(store: Store, publisher: Publisher, subscriber: Subscriber) -> None:
    lease = await store.take_lease("one", "me")
    assert await store.write_record(wire.SessionRecord(session="one", lease=lease, dial=1))
    assert await store.append_history("one", wire.HistoryItem(text="hello"), lease=lease, dial=1) == 1
    assert [item.text for item in await store.history("one")] == ["hello"]
    assert not (await store.renew_leases("me", {"one": lease})).superseded
    assert await store.unrenewed_s("one") is not None
    heard: list[wire.Interrupt] = []
    subscriber.follow("one", heard.append)
    tasks = [asyncio.create_task(each.run()) for each in (subscriber, publisher)]
    try:
        async with asyncio.timeout(60):
            while not heard:  # nobody says when the subscription stands
                publisher.publish(wire.Interrupt(session="one", seq=1, floor=1))
                await asyncio.sleep(0.2)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert heard[0].floor == 1
    assert await store.raise_floor("one", 2, 2, lease=lease, dial=1)
    assert await store.add_usage("one", wire.Usage(text_in=1), lease=lease, dial=1)
    assert (await store.read_record("one") or wire.SessionRecord()).usage.text_in == 1
    assert await store.history_length("one") == 1
    assert await store.forget("one")
    assert await store.delete("one")
    assert await store.forget("one", keep_history=False)


async def _count_and_revoke(redis: Redis) -> None:
    """Do what ingress' locks and `make token` do."""
    accounts, account = Accounts(redis), (Account("k/anna", max_sessions=1, minutes_per_day=1),)
    await accounts.enter(account, "one")
    with pytest.raises(LimitFault):
        await accounts.enter(account, "two")
    assert await accounts.keep(account, "one", 60) is account[0]
    await accounts.leave(account, "one", 0)
    await revoked.revoke(redis, "anna", time.time() + 60)
    assert await revoked.Revoked(redis, None).among(["anna", "bert"]) == {"anna"}
    await revoked.restore(redis, "anna")
    assert await revoked.Revoked(redis, None).among(["anna"]) == set()
