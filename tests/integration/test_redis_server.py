"""The throw-away Redis: it answers, it survives a race for its port, and it leaves nothing behind."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import tempfile
from pathlib import Path

import pytest
from redis.asyncio import Redis

from local import redis_server
from local.redis_server import NoRedisError, RedisServer, find_server, free_port, ping
from local.supervisor import Supervisor


async def test_a_real_server_stands_and_is_gone_afterwards() -> None:
    """Clients can write and read while the context lasts; then the port is silent."""
    async with RedisServer() as server, Redis.from_url(server.url) as client:
        await client.set("key", "value")
        assert await client.get("key") == b"value"
    assert not await ping(server.port)


async def test_a_killed_server_comes_back_empty_at_the_same_port() -> None:
    """Nothing is kept on disk: a restarted server has forgotten everything, as a test of losing Redis wants."""
    async with RedisServer() as server:
        async with Redis.from_url(server.url) as client:
            await client.set("key", "value")
        server.supervisor.kill("redis")
        await server.supervisor.wait_ready("redis")
        async with Redis.from_url(server.url) as client:
            assert await client.get("key") is None


async def test_one_that_keeps_its_data_has_it_again() -> None:
    """It is dead until it is revived, however it died; then all that was answered for is there."""
    async with RedisServer(keeps=True) as server:
        async with Redis.from_url(server.url) as client:
            await client.set("key", "value")
        await server.die()
        assert not await ping(server.port)
        await server.revive()
        async with Redis.from_url(server.url) as client:
            assert await client.get("key") == b"value"
        await server.die(loses_data=True)
        await server.revive()
        async with Redis.from_url(server.url) as client:
            assert await client.get("key") is None


async def test_a_frozen_server_answers_when_it_is_thawed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Meanwhile one can connect, and waits in vain."""
    monkeypatch.setattr(redis_server, "_PING_S", 0.5)
    async with RedisServer() as server:
        server.freeze()
        assert not await ping(server.port)
        server.thaw()
        assert await ping(server.port)


async def test_a_taken_port_costs_a_second_try_only() -> None:
    """Somebody else may take a free port before our server does."""
    with socket.socket() as taken, tempfile.TemporaryDirectory() as folder:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = iter([taken.getsockname()[1], good := free_port()])
        async with Supervisor() as supervisor:
            port = await redis_server.start(supervisor, find_server(), Path(folder), lambda: next(ports))
            assert port == good
            assert await ping(port)


def test_without_any_server_one_is_told_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback: a line that can be acted on."""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NoRedisError, match="apt install valkey-server"):
        find_server()


def test_a_server_on_the_path_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine's owner installed is preferred to what a wheel carries."""
    monkeypatch.setattr(shutil, "which", lambda name: "/opt/bin/valkey-server" if "valkey" in name else None)
    assert find_server() == Path("/opt/bin/valkey-server")
