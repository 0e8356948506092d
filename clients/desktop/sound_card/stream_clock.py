"""When which sample of a stream passes the air: its count against this machine's clock. No I/O."""

from __future__ import annotations

from collections import deque

WINDOW = 50
"""Callbacks, about a second of them: a late one says too late a time, so the earliest of these is believed."""


class StreamClock:
    """One stream's. A callback may come late but never early, so what the earliest says is nearest to the truth."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._begins: deque[float] = deque(maxlen=WINDOW)
        self._begin_s: float | None = None

    @property
    def known(self) -> bool:
        """Whether anything has been told yet."""
        return self._begin_s is not None

    def tell(self, count: int, at_s: float) -> None:
        """Note that sample `count` passes the air at `at_s`."""
        self._begins.append(at_s - count / self._rate_hz)
        self._begin_s = min(self._begins)

    def at_s(self, count: float) -> float:
        """Return when sample `count` passes the air. Only when `known`."""
        assert self._begin_s is not None
        return self._begin_s + count / self._rate_hz

    def count_at(self, at_s: float) -> float:
        """Return which sample passes the air at that time. Only when `known`."""
        assert self._begin_s is not None
        return (at_s - self._begin_s) * self._rate_hz
