"""Connecting over a network that comes back: it is tried anew while the first attempt is still on its way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from clients.desktop.connecting import ANEW_S, AT_A_TIME, connected
from clients.desktop.connection_failures import Cause, ConnectionFailed
from clients.desktop.transport import Transport
from tests.unit.engine.virtual_time import run


class Network:
    """Each attempt stands so long after its beginning as `delays_s` says (the last goes for all further ones)."""

    def __init__(self, delays_s: Callable[[int, float], float]) -> None:
        self.begun_s: list[float] = []
        self.standing = 0
        self.most = 0
        self._under_way = 0
        self._delays_s = delays_s

    @asynccontextmanager
    async def dial(self, _: str) -> AsyncIterator[Transport]:
        """Connect."""
        loop = asyncio.get_running_loop()
        self.begun_s.append(round(loop.time(), 3))
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        try:
            await asyncio.sleep(self._delays_s(len(self.begun_s), loop.time()))
        finally:
            self._under_way -= 1
        self.standing += 1
        try:
            yield cast(Transport, Line())
        finally:
            self.standing -= 1


class Line:
    """A connection."""

    def abandon(self) -> None:
        """Go."""


async def connect(network: Network) -> float:
    """Connect, and return when it stood."""
    async with connected("a:1", network.dial):
        assert network.standing == 1
        stood_s = asyncio.get_running_loop().time()
    assert network.standing == 0
    return stood_s


def test_a_network_that_answers_is_called_once() -> None:
    """The usual case costs nothing."""
    network = Network(lambda number, now_s: 0.05)
    assert run(connect(network)) == pytest.approx(0.05)
    assert network.begun_s == [0.0]


def test_a_network_that_comes_back_is_noticed_by_the_next_attempt() -> None:
    """What was sent before is lost for good; the attempts after the return stand at once."""
    network = Network(lambda number, now_s: 0.05 if now_s >= 5.0 else 1e6)
    stood_s = run(connect(network))
    assert 5.0 < stood_s <= 5.0 + ANEW_S + 0.06
    assert network.most == AT_A_TIME


def test_a_slow_network_is_given_its_time() -> None:
    """The first attempt is never given up for a newer one."""
    network = Network(lambda number, now_s: 6.0 if number == 1 else 1e6)
    assert run(connect(network)) == pytest.approx(6.0)


def test_what_fails_fails_at_once() -> None:
    """A refusal is no reason to try the same again here; attempts beside it are put away."""

    @asynccontextmanager
    async def refused(_: str) -> AsyncIterator[Any]:
        await asyncio.sleep(1.0)
        raise ConnectionFailed(Cause.UNREACHABLE, "connection refused")
        yield

    async def connect() -> float:
        with pytest.raises(ConnectionFailed, match="refused"):
            async with connected("a:1", refused):
                pass
        return asyncio.get_running_loop().time()

    assert run(connect()) == pytest.approx(1.0)


def test_one_that_is_given_up_leaves_nothing_behind() -> None:
    """Patience is the caller's; whatever stood by then is closed."""
    network = Network(lambda number, now_s: 1e6)

    async def connect() -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.0), connected("a:1", network.dial):
                pass
        return len(asyncio.all_tasks())

    assert run(connect()) == 1
    assert network.standing == 0
