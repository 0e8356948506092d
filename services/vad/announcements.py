"""Announcements: what an operator wants said, until nobody else has the floor."""

from __future__ import annotations

import logging
from collections import deque
from typing import Final

from parley.v1 import session_pb2 as wire

log = logging.getLogger("parley.vad")

MAX_WAITING: Final = 16
"""More than this can't be told to anybody in one go: who wants to say something new instead interrupts first."""


class Announcements:
    """They wait here and leave in their order, one each time the floor is free.

    Policy when full: the newest is refused and logged. What was promised earlier is said, and a prefix of a message
    in several parts makes more sense than its middle.
    """

    def __init__(self) -> None:
        self._waiting: deque[wire.Announcement] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, announcement: wire.Announcement) -> bool:
        """Let one wait; False if it is refused."""
        if len(self._waiting) >= MAX_WAITING:
            log.warning("announcement %s is not said: %d wait for the floor already", announcement.id, MAX_WAITING)
            return False
        self._waiting.append(announcement)
        return True

    def next(self) -> wire.Announcement | None:
        """Return the oldest, which waits no longer, or None."""
        return self._waiting.popleft() if self._waiting else None
