"""Notes: how they are kept when Redis is slow, away, or somebody else's; the session waits for none of it."""

from __future__ import annotations

import asyncio

import pytest

from parley.v1 import session_pb2 as session
from services.broker import notes as notes_module
from services.broker.actions import RaiseFloor
from services.broker.notes import Notes
from services.common.errors import LimitFault, ParleyError
from tests.unit.broker.note_store import Redis, kept


async def settled() -> None:
    """Let everything happen that can."""
    for _ in range(20):
        await asyncio.sleep(0)


def said(words: str) -> session.HistoryItem:
    """Return an item."""
    return session.HistoryItem(text=words)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(notes_module, "_RETRY_S", 0.0)


async def test_all_is_kept_to_the_last() -> None:
    """What is in the writer's hands when the session ends is written, too: floors first, sums last."""
    notes, redis = Notes("s"), Redis()
    notes.add(said("one"))
    notes.add(session.Usage(cost_micros=3))
    notes.add(RaiseFloor(seq=7, floor=1))
    notes.add(said("two"))
    async with kept(notes, redis):
        pass
    assert redis.kept == ["floor 1 by 7", "one", "two", "cost 3"]


async def test_a_deed_waits_for_redis_and_not_for_one_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    """It is said once that Redis is away; what was kept meanwhile is written when it is back."""
    notes, redis, done = Notes("s"), Redis(), list[str]()
    redis.go.clear()
    async with kept(notes, redis):
        notes.add(said("one"))
        notes.after(lambda: done.append("one"))
        await settled()
        assert done == []
        redis.is_away = True
        redis.go.set()
        await settled()
        assert done == ["one"]
        notes.add(said("two"))
        notes.after(lambda: done.append("two"))
        assert done == ["one", "two"]
        await settled()
        redis.is_away = False
    assert redis.kept == ["one", "two"]
    assert caplog.text.count("gone; it goes on") == 1
    assert notes.counters["late"] == 2


async def test_what_redis_has_lost_is_written_again_though_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """It came back without its data so quickly that no write has missed it: it is looked, now and then."""
    monkeypatch.setattr(notes_module, "_LOOK_S", 0.0)
    notes, redis = Notes("s"), Redis()
    async with kept(notes, redis):
        for words in ("one", "two"):
            notes.add(said(words))
        await settled()
        redis.kept.clear()
        redis.is_away = True
        await settled()
        redis.is_away = False
        await asyncio.sleep(0.01)
        assert redis.kept == ["one", "two"]
    assert redis.kept == ["one", "two"]
    assert notes.counters == {"again": 2}


async def test_one_that_was_replaced_writes_nothing_until_it_is_asked_again() -> None:
    """A later lease has the session: nothing waits in vain, nothing is done. Under a later one yet it goes on."""
    told, done = list[str](), list[str]()
    notes, redis = Notes("s", 1, 1, on_superseded=lambda: told.append("superseded")), Redis()
    redis.lease = 2
    async with kept(notes, redis):
        notes.add(said("one"))
        notes.after(lambda: done.append("one"))
        await settled()
        assert (redis.kept, told, done) == ([], ["superseded"], [])
        notes.claim(2, 1)
        await settled()
        assert (redis.kept, done) == (["one"], ["one"])
    assert told == ["superseded"]


async def test_one_that_was_replaced_ends_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody waits for a Redis that refuses: it is not ours to write."""
    notes, redis = Notes("s", 1, 1), Redis()
    redis.lease = 2
    async with kept(notes, redis):
        notes.add(RaiseFloor(seq=1, floor=1))
        await settled()
    assert redis.kept == []
    assert "did not take" not in caplog.text


async def test_a_redis_that_hangs_does_not_hold_the_session(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes the call and never answers: the session ends all the same, with a warning."""
    monkeypatch.setattr(notes_module, "KEEPING_S", 0.01)
    notes, redis = Notes("s"), Redis()
    redis.go.clear()
    notes.add(said("one"))
    async with kept(notes, redis):
        pass
    assert redis.kept == []
    assert "has not taken the last of its history" in caplog.text


async def test_a_deed_that_fails_is_told() -> None:
    """A peer that does not read makes the session give up; what is to be written still is."""
    faults = list[ParleyError]()
    notes, redis = Notes("s", give_up=faults.append), Redis()

    def fail() -> None:
        raise LimitFault("it does not read")

    notes.add(said("one"))
    notes.after(fail)
    notes.add(said("two"))
    async with kept(notes, redis):
        pass
    assert [fault.message for fault in faults] == ["it does not read"]
    assert redis.kept == ["one", "two"]
