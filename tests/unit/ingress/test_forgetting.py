"""The end of sessions in Redis: noted at once, or when Redis is back, and never against somebody else's will."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

import pytest

from services.common.errors import StoreLost
from services.common.store import Store
from services.ingress import forgetting
from services.ingress.forgetting import Forgetting


@dataclass
class Ends:
    """A store that can be away, and what it was told."""

    away: bool = False
    told: list[tuple[str, int]] = field(default_factory=list)
    asked: int = 0
    kept: list[bool] = field(default_factory=list)

    async def forget(self, session: str, *, keep_history: bool, lease: int) -> bool:
        """Note an end."""
        self.asked += 1
        if self.away:
            raise StoreLost("Redis could not forget a session: connection refused.")
        self.told.append((session, lease))
        self.kept.append(keep_history)
        return True


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "RETRY_S", 0.0)


def of(store: Ends, counters: Counter[str] | None = None) -> Forgetting:
    """Return what is tested."""
    return Forgetting(cast("Store", store), counters if counters is not None else Counter())


async def turns(number: int = 20) -> None:
    """Let others run."""
    for _ in range(number):
        await asyncio.sleep(0)


async def test_an_end_is_noted_at_once() -> None:
    """With its lease, so that a later owner keeps the session."""
    store = Ends()
    ending = of(store)
    await ending.forget("s", 7)
    assert store.told == [("s", 7)]
    assert len(ending) == 0


async def test_of_a_session_that_never_began_nothing_is_kept() -> None:
    """Neither now nor when Redis is back: what was asked of one that hung may be done late."""
    store = Ends(away=True)
    ending = of(store)
    await ending.forget("s", keep_history=False)
    store.away = False
    running = asyncio.create_task(ending.run())
    await turns()
    await ending.forget("t", keep_history=False)
    assert (store.told, store.kept) == ([("s", 0), ("t", 0)], [False, False])
    running.cancel()


async def test_ends_wait_for_redis_and_come_in_order() -> None:
    """None is lost, none is told twice; while Redis is away one question in a while will do."""
    store = Ends(away=True)
    ending = of(store)
    running = asyncio.create_task(ending.run())
    for number in range(3):
        await ending.forget(f"s{number}", number)
    await turns()
    assert store.told == []
    assert len(ending) == 3
    store.away = False
    await turns()
    assert store.told == [("s0", 0), ("s1", 1), ("s2", 2)]
    asked = store.asked
    await turns()
    assert store.asked == asked, "nothing is owed any more"
    store.away = True
    await ending.forget("s3", 3)
    store.away = False
    await turns()
    assert store.told[3:] == [("s3", 3)]
    running.cancel()


async def test_more_than_a_great_many_are_left_to_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest: they have waited longest, and so have their keys."""
    monkeypatch.setattr(forgetting, "MOST", 2)
    store, counters = Ends(away=True), Counter[str]()
    ending = of(store, counters)
    for number in range(5):
        await ending.forget(f"s{number}", number)
    assert counters == {"ends_not_noted": 3}
    store.away = False
    running = asyncio.create_task(ending.run())
    await turns()
    assert store.told == [("s3", 3), ("s4", 4)]
    running.cancel()
