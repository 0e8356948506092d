"""Parking: sessions whose upstream has gone without a last word, kept for a while until somebody goes on with them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, Generic, TypeVar

PARKED_S: Final = 40.0
"""How long a session waits for whoever takes it up: longer than a client has to resume."""

_TICK_S: Final = 1.0

T = TypeVar("T")


class Parking(Generic[T]):
    """Holds a session under its name until it is taken up, or given up when its time has passed.

    `give_up(session)` is called for one that nobody has asked for; it is no longer parked then. A process that was
    itself asleep gives up no sooner than it could have been asked: time counts in ticks of its own.
    """

    def __init__(self, give_up: Callable[[T], None], wait_s: float = PARKED_S) -> None:
        self.counters: Counter[str] = Counter()
        self._give_up = give_up
        self._ticks = max(int(wait_s / _TICK_S), 1)
        self._parked: dict[str, T] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._parked)

    def __contains__(self, name: str) -> bool:
        return name in self._parked

    def park(self, name: str, session: T) -> None:
        """Keep a session. One that stands there already begins to wait anew."""
        self._stop(name)
        self.counters["parked"] += 1
        self._parked[name] = session
        self._wait(name, self._ticks)

    def take(self, name: str) -> T | None:
        """Take a session up; None when there is none of that name."""
        self._stop(name)
        session = self._parked.pop(name, None)
        if session is not None:
            self.counters["taken_up"] += 1
        return session

    def close(self) -> None:
        """Give up every one, now."""
        for name in list(self._parked):
            self._expire(name)

    def _wait(self, name: str, ticks: int) -> None:
        later = self._expire if ticks == 1 else lambda of: self._wait(of, ticks - 1)
        self._timers[name] = asyncio.get_running_loop().call_later(_TICK_S, later, name)

    def _expire(self, name: str) -> None:
        self._stop(name)
        self.counters["given_up"] += 1
        self._give_up(self._parked.pop(name))

    def _stop(self, name: str) -> None:
        if (timer := self._timers.pop(name, None)) is not None:
            timer.cancel()
