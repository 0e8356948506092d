"""Story: what the report of a session will tell: since when it goes, and what was said, heard and done in it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from typing import Final

from parley.v1 import session_pb2
from services.broker.journal import told
from services.broker.report import MOST_CHARS

MOST_ITEMS: Final = 10_000
"""The oldest go."""


class Story:
    """One session's; tools' answers are cut short."""

    def __init__(self) -> None:
        self.began_at_ms = int(time.time() * 1000)
        self.items: deque[session_pb2.HistoryItem] = deque(maxlen=MOST_ITEMS)

    def add(self, item: session_pb2.HistoryItem) -> None:
        """Take an item of history."""
        self.items.append(_short(item))

    def carry(self, opened_at_ms: int, history: Iterable[session_pb2.HistoryItem]) -> float:
        """Take what went before this broker; return for how many seconds the session has gone."""
        self.items.extend(_short(item) for item in told(history))
        now_ms = int(time.time() * 1000)
        self.began_at_ms = min(opened_at_ms or now_ms, now_ms)
        return (now_ms - self.began_at_ms) / 1000


def _short(item: session_pb2.HistoryItem) -> session_pb2.HistoryItem:
    if len(item.tool.output) <= MOST_CHARS:
        return item
    short = session_pb2.HistoryItem()
    short.CopyFrom(item)
    short.tool.output = item.tool.output[:MOST_CHARS]
    return short
