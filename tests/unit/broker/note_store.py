"""A store for notes, without Redis: it takes them, late, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from parley.v1 import session_pb2 as session
from services.broker.notes import Notes
from services.common.errors import StoreLost, Superseded
from services.common.store import Store


class Redis:
    """A store that notes what it is given; `go` holds it back, `is_away` makes it fail, a lease below its own, too."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.lease = 0
        self.is_away = False
        self.go = asyncio.Event()
        self.go.set()

    async def _take(self, what: str, lease: int) -> bool:
        await self.go.wait()
        if self.is_away:
            raise StoreLost("gone")
        if lease >= self.lease:
            self.kept.append(what)
        return lease >= self.lease

    async def append_history(self, _session: str, item: session.HistoryItem, *, lease: int, dial: int) -> int:
        """Take an item."""
        if not await self._take(item.text, lease):
            raise Superseded("a later connection has it")
        return len(self.kept)

    async def history_length(self, _session: str) -> int:
        """Say how much there is."""
        if self.is_away:
            raise StoreLost("gone")
        return len(self.kept)

    async def raise_floor(self, _session: str, seq: int, floor: int, *, lease: int, dial: int) -> bool:
        """Take a floor."""
        return await self._take(f"floor {floor} by {seq}", lease)

    async def add_usage(self, _session: str, usage: session.Usage, *, lease: int, dial: int) -> bool:
        """Take a sum."""
        return await self._take(f"cost {usage.cost_micros}", lease)


@asynccontextmanager
async def kept(notes: Notes, redis: Redis) -> AsyncIterator[None]:
    """Write while the block runs, and at its end what is left."""
    keeping = asyncio.create_task(notes.keep(cast("Store", redis)))
    yield
    await notes.kept(keeping)
