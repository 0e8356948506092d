"""The queue of events between a conversation and whoever watches it."""

from __future__ import annotations

import asyncio
from collections import deque

from .events import Event

LARGEST_UNREAD = 10_000
"""Events kept for a watcher that does not look; beyond it the oldest are dropped and counted."""


class EventFeed:
    """Never makes the conversation wait: what nobody reads pushes the oldest out."""

    def __init__(self, unread: int = LARGEST_UNREAD) -> None:
        self.dropped = 0
        self._unread = unread
        self._events: deque[Event] = deque()
        self._closed = False
        self._news = asyncio.Event()

    def put(self, event: Event) -> None:
        """Add an event."""
        self._events.append(event)
        if len(self._events) > self._unread:
            self._events.popleft()
            self.dropped += 1
        self._news.set()

    def close(self) -> None:
        """Note that no event follows."""
        self._closed = True
        self._news.set()

    async def get(self) -> Event | None:
        """Return the next event; None after the last."""
        while not self._events:
            if self._closed:
                return None
            self._news.clear()
            await self._news.wait()
        return self._events.popleft()
