"""Forgetting: the end of sessions in Redis: their owner and lease go at once, or as soon as Redis is back."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Final, NamedTuple

from services.common.errors import StoreLost
from services.common.store import Store

log = logging.getLogger("parley.ingress")

MOST: Final = 10_000
"""Sessions that wait for Redis; of more the oldest are left to expire, counted."""

RETRY_S: Final = 1.0


class _End(NamedTuple):
    lease: int
    keep_history: bool


class Forgetting:
    """One ingress's. Nobody waits for it: what is still owed when the process ends expires."""

    def __init__(self, store: Store, counters: Counter[str]) -> None:
        self._store = store
        self._counters = counters
        self._owed: dict[str, _End] = {}
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return len(self._owed)

    async def forget(self, session: str, lease: int = 0, *, keep_history: bool = True) -> None:
        """End a session in Redis, unless somebody else goes on with it under a later lease."""
        end = _End(lease, keep_history)
        try:
            await self._note(session, end)
        except StoreLost as error:
            log.warning("session %s: its end is not noted yet: %s", session, error.message)
            self._owe(session, end)

    async def _note(self, session: str, end: _End) -> None:
        await self._store.forget(session, keep_history=end.keep_history, lease=end.lease)

    def _owe(self, session: str, end: _End) -> None:
        self._owed[session] = end
        if len(self._owed) > MOST:
            del self._owed[next(iter(self._owed))]
            self._counters["ends_not_noted"] += 1
        self._news.set()

    async def run(self) -> None:
        """Try again what is owed, oldest first, until cancelled."""
        while True:
            await self._news.wait()
            await asyncio.sleep(RETRY_S)
            await self._try()
            if not self._owed:
                self._news.clear()

    async def _try(self) -> None:
        for session, end in list(self._owed.items()):
            try:
                await self._note(session, end)
            except StoreLost:
                return
            if self._owed.get(session) is end:
                del self._owed[session]
