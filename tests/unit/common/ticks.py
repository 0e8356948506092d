"""Virtual time for coroutines that sleep: every sleep ends at once, in the order of its deadline."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

import pytest

_real_sleep = asyncio.sleep


class Ticks:
    """Stands for `asyncio.sleep`; `advance` lets time pass."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._sleeping: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    async def sleep(self, seconds: float) -> None:
        """Sleep until somebody has advanced the time so far."""
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleeping, (self.now_s + seconds, next(self._order), waking))
        await waking

    async def advance(self, seconds: float) -> None:
        """Let time pass: wake whom it is time for, one after the other, and let each act."""
        await settle()
        until_s = self.now_s + seconds
        while self._sleeping and self._sleeping[0][0] <= until_s:
            self.now_s, _, waking = heapq.heappop(self._sleeping)
            if not waking.done():
                waking.set_result(None)
            await settle()
        self.now_s = until_s


async def settle() -> None:
    """Let every task do what it can do now."""
    for _ in range(12):
        await _real_sleep(0)


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Ticks:
    """Replace `asyncio.sleep` for one test."""
    virtual = Ticks()
    monkeypatch.setattr(asyncio, "sleep", virtual.sleep)
    return virtual
