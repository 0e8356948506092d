"""Life: a server that is frozen is found in its time; one that is slow is left alone, and so is one we kept waiting.

In virtual time, with the real socket's watch over a connection that answers pings when the test lets it.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from websockets.asyncio.client import ClientConnection

from services.broker.life import TICKS, Life
from services.broker.realtime import RealtimeSocket
from services.broker.upstream.driver import Driver
from services.common.errors import ModelFault
from tests.unit.engine.virtual_time import run

FREEZE_S = 2.0


class Connection:
    """Answers pings at once while `answers` is set, all that wait as soon as it is again; fails all when aborted."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.answers.set()
        self.pings = 0
        self.aborted_s: float | None = None
        self.transport = self

    async def ping(self) -> asyncio.Future[float]:
        """Send a ping; return its answer."""
        self.pings += 1
        return asyncio.ensure_future(self._answer())

    async def _answer(self) -> float:
        await self.answers.wait()
        return 0.0

    def abort(self) -> None:
        """Let go."""
        self.aborted_s = asyncio.get_running_loop().time()
        self.answers.set()


def watched(steps: Any) -> Connection:
    """Watch a connection while the steps of a test are taken."""

    async def play() -> Connection:
        connection = Connection()
        socket = RealtimeSocket(cast(ClientConnection, connection), cast(Driver, None))
        watch = asyncio.create_task(socket.watch(FREEZE_S))
        await steps(connection, watch)
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        return connection

    return run(play())


def test_a_server_that_answers_pings_lives() -> None:
    """However long it says nothing else."""

    async def steps(connection: Connection, watch: asyncio.Task[None]) -> None:
        await asyncio.sleep(60)
        assert not watch.done()

    assert watched(steps).pings >= 60 / FREEZE_S * TICKS - 1


def test_a_frozen_server_is_found_in_its_time() -> None:
    """Whenever it froze, and with one ping only that waits for its answer: nothing piles up at it."""

    async def steps(connection: Connection, watch: asyncio.Task[None]) -> None:
        await asyncio.sleep(10.1)
        sent = connection.pings
        connection.answers.clear()
        with pytest.raises(ModelFault, match="nothing was heard of the model for 2 s") as fault:
            await watch
        assert fault.value.retryable
        assert connection.aborted_s is not None
        assert 10.1 + FREEZE_S - 0.25 <= connection.aborted_s <= 10.1 + FREEZE_S + 0.5
        assert connection.pings <= sent + 1

    watched(steps)


def test_a_slow_server_is_left_alone() -> None:
    """It stalls for almost as long, again and again."""

    async def steps(connection: Connection, watch: asyncio.Task[None]) -> None:
        for _ in range(20):
            connection.answers.clear()
            await asyncio.sleep(FREEZE_S * 0.8)
            connection.answers.set()
            await asyncio.sleep(0.3)
        assert not watch.done()

    watched(steps)


def test_whoever_was_asleep_itself_blames_nobody() -> None:
    """An hour passes between two ticks: it counts as one."""
    life = Life()
    ticks = [life.tick() for _ in range(TICKS)]
    assert not any(ticks)
    life.sign()
    assert not life.tick()
