"""Write ahead: what is to stand in Redis, in order, and what must not happen before it does.

What a session has written is kept, too: a Redis that comes back without its data is given all of it again.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeAlias, TypeVar

from parley.v1 import session_pb2 as session
from services.broker.actions import RaiseFloor

MOST_WAITING: Final = 1_000
"""Items that wait for Redis; of more the oldest are lost, counted."""

MOST_KEPT_BYTES: Final = 2 << 20
"""Of what was written: some thousand items. What is older is not written again."""

Deed: TypeAlias = Callable[[], None]
Note: TypeAlias = session.HistoryItem | RaiseFloor | session.Usage


T = TypeVar("T")


class _Figure(Generic[T]):
    """A value of which only the newest counts."""

    def __init__(self) -> None:
        self.value: T | None = None
        self.is_due = False

    def set(self, value: T) -> None:
        self.value, self.is_due = value, True

    def written(self, value: T) -> None:
        self.is_due = self.is_due and self.value is not value


class WriteAhead:
    """One session's, without I/O: write what `next` returns, and say that it was `written`; or `lose` Redis."""

    def __init__(self, clock_ms: Callable[[], int] = lambda: int(time.time() * 1000)) -> None:
        self.counters: Counter[str] = Counter()
        """late: done before it stood in Redis; lost: never written; again: written again."""
        self.is_away = False
        """Redis does not answer: nothing waits for it any more."""
        self._clock_ms = clock_ms
        self._last_ms = 0
        self._waiting: deque[session.HistoryItem | Deed] = deque()
        self._items = 0
        """Items among those that wait."""
        self._again: deque[session.HistoryItem] = deque()
        self._written: deque[session.HistoryItem] = deque()
        self._written_bytes = 0
        self._length = 0
        """Items in Redis, when it said so last."""
        self._floor = _Figure[RaiseFloor]()
        self._usage = _Figure[session.Usage]()

    @property
    def has_history(self) -> bool:
        """True when something stands in Redis that can be lost."""
        return self._length > 0

    @property
    def waiting(self) -> int:
        """How many items are yet to be written."""
        return self._items + len(self._again)

    @property
    def is_empty(self) -> bool:
        """True when everything has been written."""
        return self.next() is None

    def restored(self, items: Iterable[session.HistoryItem]) -> None:
        """Take what stands in Redis already."""
        for item in items:
            self._last_ms = max(self._last_ms, item.at_ms)
            self._length += 1
            self._keep(item)

    def add(self, note: Note) -> None:
        """Have something written. Of floors and sums the newest will do; each item gets a time of its own."""
        match note:
            case RaiseFloor():
                self._floor.set(note)
            case session.Usage():
                self._usage.set(note)
            case _:
                note.at_ms = self._last_ms = max(note.at_ms or self._clock_ms(), self._last_ms + 1)
                self._waiting.append(note)
                self._items += 1
                self._make_room()

    def after(self, deed: Deed) -> bool:
        """Keep a deed until all that was added stands in Redis; False if it need not wait."""
        if self.is_away:
            self.counters["late"] += 1
            return False
        if not self._items:
            return False
        self._waiting.append(deed)
        return True

    def next(self) -> Note | None:
        """Return what is to be written next."""
        if self._floor.is_due:
            return self._floor.value
        if self._again:
            return self._again[0]
        item = next((each for each in self._waiting if isinstance(each, session.HistoryItem)), None)
        return item if item is not None or not self._usage.is_due else self._usage.value

    def written(self, note: Note, length: int = 0) -> list[Deed]:
        """The note stands in Redis, of items now so many; return what may be done by that."""
        self.is_away = False
        match note:
            case RaiseFloor():
                self._floor.written(note)
            case session.Usage():
                self._usage.written(note)
            case _ if self._again and self._again[0] is note:
                self._written_again(length)
            case _:
                return self._item_written(note, length)
        return []

    def _item_written(self, item: session.HistoryItem, length: int) -> list[Deed]:
        self._keep(item)
        if length <= self._length:  # it has come back without its data, or without the last of it
            self._write_again()
        self._length = length
        deeds = self._due()
        if self._waiting and self._waiting[0] is item:  # else it was lost meanwhile, as the oldest
            self._waiting.popleft()
            self._items -= 1
        return deeds + self._due()

    def seen(self, length: int) -> None:
        """Redis holds so many items; nobody but we has written any since, so fewer than before are too few."""
        if length < self._length:
            self._length = length
            self._write_again()

    def _due(self) -> list[Deed]:
        """Take the deeds that wait for nothing any more."""
        deeds: list[Deed] = []
        while self._waiting and not isinstance(each := self._waiting[0], session.HistoryItem):
            self._waiting.popleft()
            deeds.append(each)
        return deeds

    def _write_again(self) -> None:
        self._again = deque(self._written)
        self._floor.is_due, self._usage.is_due = self._floor.value is not None, self._usage.value is not None

    def _written_again(self, length: int) -> None:
        self._again.popleft()
        self.counters["again"] += 1
        is_lost_again = length < self._length or (not self._again and length < len(self._written))
        self._length = length
        if is_lost_again:
            self._write_again()

    def lose(self) -> list[Deed]:
        """Redis does not answer: return what has waited for it. What was to be written still is."""
        self.is_away = True
        deeds = [each for each in self._waiting if not isinstance(each, session.HistoryItem)]
        self._waiting = deque(each for each in self._waiting if isinstance(each, session.HistoryItem))
        self.counters["late"] += len(deeds)
        return deeds

    def _make_room(self) -> None:
        if self._items <= MOST_WAITING:
            return
        oldest = next(each for each in self._waiting if isinstance(each, session.HistoryItem))
        self._waiting.remove(oldest)
        self._items -= 1
        self.counters["lost"] += 1

    def _keep(self, item: session.HistoryItem) -> None:
        self._written.append(item)
        self._written_bytes += item.ByteSize()
        while self._written_bytes > MOST_KEPT_BYTES:
            self._written_bytes -= self._written.popleft().ByteSize()
