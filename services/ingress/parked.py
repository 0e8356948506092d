"""Parked: sessions whose client has gone and may come back. They give way, oldest first, to whoever is here."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Parked(Generic[T]):
    """One ingress's, in the order in which their clients went."""

    def __init__(self) -> None:
        self._waiting: dict[T, None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, session: T) -> None:
        """Have one wait, behind all others."""
        self._waiting.setdefault(session)

    def remove(self, session: T) -> None:
        """It waits no longer, if it did."""
        self._waiting.pop(session, None)

    def take_oldest(self) -> T | None:
        """Return the one that has waited longest, which then waits no longer; None when nobody does."""
        oldest = next(iter(self._waiting), None)
        if oldest is not None:
            self.remove(oldest)
        return oldest
