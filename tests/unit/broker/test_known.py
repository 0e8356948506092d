"""Known: what Redis says of a session, how long it is asked, and who has the session by now."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2 as wire
from services.broker.known import READ_S, Known, has_moved, is_elsewhere, read_known
from services.common.errors import StoreLost
from services.common.store import Store
from tests.unit.engine.virtual_time import run

HELLO = session.HistoryItem(role=session.HistoryItem.ROLE_USER, text="hello", turn=1)


class Redis:
    """A store that is away for so long, and takes its time for each answer."""

    def __init__(
        self, *, away_s: float = 0.0, takes_s: float = 0.0, record: session.SessionRecord | None = None
    ) -> None:
        self._away_s = away_s
        self._takes_s = takes_s
        self._record = record

    async def read_record(self, _session: str) -> session.SessionRecord | None:
        """Return the record, if there is one."""
        await self._answer()
        return self._record

    async def history(self, _session: str) -> list[session.HistoryItem]:
        """Return one item."""
        await self._answer()
        return [HELLO]

    async def _answer(self) -> None:
        await asyncio.sleep(self._takes_s)
        if asyncio.get_running_loop().time() < self._away_s:
            raise StoreLost("Redis is away")


def read(redis: Redis) -> tuple[Known, float]:
    """Ask it; return also how long that took."""

    async def ask() -> tuple[Known, float]:
        found = await read_known(cast("Store", redis), "s1")
        return found, asyncio.get_running_loop().time()

    return run(ask())


def test_record_and_history_are_read_at_once() -> None:
    """A slow Redis is waited for once, not twice."""
    found, took_s = read(Redis(takes_s=0.5, record=session.SessionRecord(session="s1", lease=7)))
    assert (found.record.lease, list(found.history), found.is_whole) == (7, [HELLO], True)
    assert took_s == pytest.approx(0.5)


def test_a_redis_that_comes_back_soon_is_asked_again() -> None:
    """A failover takes a moment."""
    found, _ = read(Redis(away_s=1.0))
    assert (found.record.session, list(found.history), found.is_whole) == ("s1", [HELLO], True)


@pytest.mark.parametrize("redis", [Redis(away_s=1e9), Redis(takes_s=1e9)])
def test_a_redis_that_is_away_is_done_without(redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
    """In good time: whoever waits would give the broker up."""
    found, took_s = read(redis)
    assert (list(found.history), found.is_whole) == ([], False)
    assert took_s == pytest.approx(READ_S)
    assert "goes on without its history" in caplog.text


def opened(dial: int = 2) -> wire.StreamOpen:
    """An opening of this broker's, whose address is "here"."""
    return wire.StreamOpen(session="s1", lease=5, dial=dial, route=wire.Route(broker="here"))


def record(broker: str, *, lease: int = 5, dial: int = 3) -> session.SessionRecord:
    """What ingress has written."""
    return session.SessionRecord(session="s1", lease=lease, dial=dial, route=wire.Route(broker=broker))


@pytest.mark.parametrize(
    ("written", "moved"),
    [
        (record("there"), True),
        (record("there", lease=6, dial=1), True),
        (record("here"), False),
        (record("there", dial=2), False),
        (record("there", lease=4, dial=9), False),
    ],
)
def test_a_session_has_moved_when_another_broker_was_dialled_later(written: session.SessionRecord, moved: bool) -> None:
    """A later dial to this one is on its way."""
    assert has_moved(written, opened()) is moved


@pytest.mark.parametrize(
    ("redis", "is_given_up", "elsewhere"),
    [
        (Redis(record=record("there")), False, True),
        (Redis(record=record("here")), False, False),
        (Redis(record=record("here")), True, True),
        (Redis(record=record("here", dial=2)), True, False),
        (Redis(), True, False),
        (Redis(away_s=1e9), False, False),
        (Redis(away_s=1e9), True, True),
    ],
)
def test_who_is_left_alone_asks_whether_others_go_on(redis: Redis, is_given_up: bool, elsewhere: bool) -> None:
    """Of a session that is given up whoever has dialled since has it; while Redis is away somebody probably has."""
    assert run(is_elsewhere(cast("Store", redis), opened(), is_given_up=is_given_up)) is elsewhere
