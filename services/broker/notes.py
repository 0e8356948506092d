"""Notes: what a session leaves in Redis, written in order and behind the conversation, never in its way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, TypeAlias

from parley.v1 import session_pb2
from services.broker.actions import RaiseFloor
from services.common.errors import ParleyError, StoreLost
from services.common.store import Store

log = logging.getLogger("parley.broker")

Note: TypeAlias = session_pb2.HistoryItem | RaiseFloor | session_pb2.Usage

_WAITING: Final = 1_000

KEEPING_S: Final = 2.0
"""How long the last notes of a session may take: with Redis away it must still end."""


class Notes:
    """One session's: history, floors, and what has been used."""

    def __init__(
        self,
        session: str,
        lease: int = 0,
        dial: int = 0,
        *,
        on_superseded: Callable[[], None] = lambda: None,
        give_up: Callable[[ParleyError], None] = lambda fault: None,
    ) -> None:
        """`on_superseded` is told that a later (lease, dial) writes; `give_up` of what `after` could not do."""
        self._session = session
        self._lease, self._dial = lease, dial
        self._on_superseded = on_superseded
        self._give_up = give_up
        self._notes: asyncio.Queue[Note | None] = asyncio.Queue(_WAITING)

    def add(self, note: Note) -> None:
        """Have something written."""
        try:
            self._notes.put_nowait(note)
        except asyncio.QueueFull:
            log.warning("session %s: Redis is so slow that history is lost", self._session)

    def after(self, do: Callable[[], None]) -> None:
        """Do something as soon as all that was added so far stands in Redis; at once while Redis is away."""
        try:
            do()
        except ParleyError as fault:
            self._give_up(fault)

    def claim(self, lease: int, dial: int) -> None:
        """The session goes on under a later (lease, dial)."""
        self._lease, self._dial = lease, dial

    def restored(self, history: Iterable[session_pb2.HistoryItem]) -> None:
        """Take what Redis holds of the session already: should it lose that, it is written again."""

    async def keep(self, store: Store) -> None:
        """Write, in order, until `kept`. With Redis away notes are lost to takeover, not to the conversation."""
        while (note := await self._notes.get()) is not None:
            try:
                await self._write(store, note)
            except StoreLost as error:
                log.warning("session %s: %s", self._session, error.message)

    async def _write(self, store: Store, note: Note) -> None:
        match note:
            case RaiseFloor():
                await store.raise_floor(self._session, note.seq, note.floor)
            case session_pb2.Usage():
                await store.add_usage(self._session, note)
            case _:
                await store.append_history(self._session, note)

    async def kept(self, keeping: asyncio.Task[None]) -> None:
        """Let `keeping`, the task of `keep`, write what is left at the end of a session, but not for ever."""
        with suppress(TimeoutError):
            async with asyncio.timeout(KEEPING_S):
                await self._notes.put(None)
                await keeping
                return
        log.warning("session %s: Redis did not take the last of its history in %g s", self._session, KEEPING_S)
