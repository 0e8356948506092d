"""Forgetting: the end of sessions in Redis: their owner and lease go at once, or as soon as Redis is back."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Final

from services.common.errors import StoreLost
from services.common.store import Store

log = logging.getLogger("parley.ingress")

MOST: Final = 10_000
"""Sessions that wait for Redis; of more the oldest are left to expire, counted."""

RETRY_S: Final = 1.0


class Forgetting:
    """One ingress's. Nobody waits for it: what is still owed when the process ends expires."""

    def __init__(self, store: Store, counters: Counter[str]) -> None:
        self._store = store
        self._counters = counters
        self._owed: dict[str, int] = {}
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return len(self._owed)

    async def forget(self, session: str, lease: int) -> None:
        """End a session in Redis, unless somebody else goes on with it."""
        try:
            await self._store.forget(session, lease=lease)
        except StoreLost as error:
            log.warning("session %s: its end is not noted yet: %s", session, error.message)
            self._owe(session, lease)

    def _owe(self, session: str, lease: int) -> None:
        self._owed[session] = lease
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
        for session, lease in list(self._owed.items()):
            try:
                await self._store.forget(session, lease=lease)
            except StoreLost:
                return
            if self._owed.get(session) == lease:
                del self._owed[session]
