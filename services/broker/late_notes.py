"""Late notes: what sessions that are over could not write down, for Redis was away; it is written when it is back."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final

from services.broker.notes import Notes
from services.common.store import Store

log = logging.getLogger("parley.broker")

LATE_S: Final = 120.0
"""How long Redis is waited for."""

MOST: Final = 200
"""Sessions that wait; of more the last are given up. Each holds some ten kilobytes, two megabytes at most."""

_CLOSING_S: Final = 1.0


class LateNotes:
    """All of a process. Neither the end of a session nor its report waits for them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._writing)

    def take(self, session: str, notes: Notes) -> None:
        """Go on with the notes of a session that is over."""
        if len(self._writing) >= MOST:
            log.error("session %s: the last of its history is lost: those of %d wait for Redis", session, MOST)
            return
        task = asyncio.create_task(self._write(session, notes), name=f"late notes of {session}")
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, session: str, notes: Notes) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LATE_S):
                await notes.keep(self._store)
                return
        log.error("session %s: the last of its history is lost: Redis was away for %g s", session, LATE_S)

    async def close(self) -> None:
        """Give up what Redis does not take now."""
        if self._writing:
            _, late = await asyncio.wait(self._writing, timeout=_CLOSING_S)
            for task in late:
                task.cancel()
            if late:
                log.error("the last of the history of %d sessions is lost: Redis is away", len(late))
