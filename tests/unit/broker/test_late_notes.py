"""Late notes: a session may end while Redis is away; what it could not write is written, and nobody waits for that."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from parley.v1 import session_pb2 as session
from services.broker import late_notes
from services.broker import notes as notes_module
from services.broker.late_notes import LateNotes
from services.broker.notes import Notes
from services.common.store import Store
from tests.unit.broker.note_store import Redis


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(notes_module, "_RETRY_S", 0.0)
    monkeypatch.setattr(notes_module, "KEEPING_S", 0.0)
    monkeypatch.setattr(late_notes, "_CLOSING_S", 0.0)


async def settled() -> None:
    """Let everything happen that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def ended(redis: Redis, words: str) -> Notes:
    """Return the notes of a session that has ended while Redis is away."""
    notes = Notes("s")
    keeping = asyncio.create_task(notes.keep(cast("Store", redis)))
    notes.add(session.HistoryItem(text=words))
    await settled()
    assert not await notes.kept(keeping)
    return notes


async def test_what_could_not_be_written_is_written_when_redis_is_back() -> None:
    """Once; then nothing of the session is left here."""
    redis = Redis()
    redis.is_away = True
    late = LateNotes(cast("Store", redis))
    for words in ("one", "two"):
        late.take("s", await ended(redis, words))
    await settled()
    assert (redis.kept, len(late)) == ([], 2)
    redis.is_away = False
    await settled()
    assert (sorted(redis.kept), len(late)) == (["one", "two"], 0)


async def test_they_have_an_end(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """By number, by time, and with the process; each time it is said that history is lost."""
    redis = Redis()
    redis.is_away = True
    monkeypatch.setattr(late_notes, "MOST", 1)
    late = LateNotes(cast("Store", redis))
    late.take("s", await ended(redis, "one"))
    late.take("s", await ended(redis, "two"))
    assert "those of 1 wait for Redis" in caplog.text
    await late.close()
    assert "of 1 sessions is lost" in caplog.text
    await settled()
    assert len(late) == 0
    monkeypatch.setattr(late_notes, "LATE_S", 0.0)
    late.take("s", await ended(redis, "three"))
    await settled()
    assert "Redis was away for 0 s" in caplog.text
    assert (redis.kept, len(late)) == ([], 0)
