"""The story that a report tells: since when, and what went before this broker."""

from __future__ import annotations

import time

import pytest

from parley.v1 import session_pb2 as session
from services.broker import journal
from services.broker.report import MOST_CHARS
from services.broker.story import Story

USER, TOOL = session.HistoryItem.ROLE_USER, session.HistoryItem.ROLE_TOOL


def test_what_went_before_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Since when, and what; marks are for brokers only, and tools' answers are cut short."""
    monkeypatch.setattr(time, "time", lambda: 100.0)
    long = session.ToolCall(call_id="c1", output="x" * (MOST_CHARS + 1))
    made = Story()
    before = [
        journal.taken(1, 100),
        session.HistoryItem(role=USER, text="hello", turn=1, at_ms=1),
        session.HistoryItem(role=TOOL, turn=1, at_ms=2, tool=long),
    ]
    assert made.carry(40_000, before) == 60.0
    assert made.began_at_ms == 40_000
    assert [item.role for item in made.items] == [USER, TOOL]
    assert len(made.items[1].tool.output) == MOST_CHARS
    assert len(before[2].tool.output) == MOST_CHARS + 1


def test_a_record_that_does_not_say_when_it_was_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis had lost it: it counts from now; so it does where clocks disagree."""
    monkeypatch.setattr(time, "time", lambda: 100.0)
    assert Story().carry(0, []) == 0.0
    assert Story().carry(200_000, []) == 0.0
