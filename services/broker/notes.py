"""Notes: what a session leaves in Redis, written in order and behind the conversation, never in its way.

What must not happen before something stands there waits for it (`after`); with Redis away nothing waits, and what was
to be written is written when it is back (`write_ahead.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from parley.v1 import session_pb2
from services.broker.actions import RaiseFloor
from services.broker.write_ahead import Deed, Note, WriteAhead
from services.common.errors import ParleyError, StoreLost, Superseded
from services.common.store import Store

log = logging.getLogger("parley.broker")

KEEPING_S: Final = 2.0
"""How long the last notes of a session may take: with Redis away it must still end."""

_RETRY_S: Final = 0.5
_LOOK_S: Final = 3.0
"""How often it is looked, when nothing is said, whether Redis has come back without its data."""


class Notes:
    """One session's: history, marks, floors, and what has been used."""

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
        self._ahead = WriteAhead()
        self._news = asyncio.Event()
        self._claimed = asyncio.Event()
        self._is_over = False

    @property
    def counters(self) -> Counter[str]:
        """What did not go as it should: late, lost, again (see `WriteAhead`)."""
        return self._ahead.counters

    @property
    def waiting(self) -> int:
        """How many items Redis has yet to take."""
        return self._ahead.waiting

    def add(self, note: Note) -> None:
        """Have something written. An item is given its time, unless it has one, so that no two have the same."""
        self._ahead.add(note)
        self._news.set()

    def after(self, do: Deed) -> None:
        """Do something as soon as all that was added so far stands in Redis; at once while Redis is away."""
        if not self._ahead.after(do):
            self._do([do])

    def claim(self, lease: int, dial: int) -> None:
        """The session goes on under a later (lease, dial)."""
        self._lease, self._dial = lease, dial
        self._claimed.set()

    def restored(self, history: Iterable[session_pb2.HistoryItem]) -> None:
        """Take what Redis holds of the session already: should it lose that, it is written again."""
        self._ahead.restored(history)

    async def keep(self, store: Store) -> None:
        """Write, in order, until `kept`."""
        while not (self._is_over and self._ahead.is_empty):
            if (note := self._ahead.next()) is None:
                await self._rest(store)
                continue
            self._claimed.clear()
            try:
                length = await self._write(store, note)
            except StoreLost as error:
                await self._lose(error)
            except Superseded as error:
                log.warning("session %s: %s", self._session, error.message)
                if self._is_over:
                    return
                self._on_superseded()
                await self._claimed.wait()
            else:
                self._take_back(note, length)

    async def _rest(self, store: Store) -> None:
        """Wait for news. Where there are none, look whether all of history stands there yet."""
        self._news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await self._news.wait()
                return
        if self._ahead.has_history:
            with suppress(StoreLost):
                self._ahead.seen(await store.history_length(self._session))

    async def _write(self, store: Store, note: Note) -> int:
        """Raises StoreLost, and Superseded."""
        fence = {"lease": self._lease, "dial": self._dial}
        match note:
            case RaiseFloor():
                if not await store.raise_floor(self._session, note.seq, note.floor, **fence):
                    raise Superseded("a later connection has the session; its record is not ours to write")
            case session_pb2.Usage():
                await store.add_usage(self._session, note, **fence)
            case _:
                return await store.append_history(self._session, note, **fence)
        return 0

    async def _lose(self, error: StoreLost) -> None:
        if not self._ahead.is_away:
            log.warning("session %s: %s; it goes on, and is written down later", self._session, error.message)
        self._do(self._ahead.lose())
        await asyncio.sleep(_RETRY_S)

    def _take_back(self, note: Note, length: int) -> None:
        """A note stands in Redis."""
        if self._ahead.is_away:
            log.info("session %s: Redis is back", self._session)
        self._do(self._ahead.written(note, length))

    def _do(self, deeds: Iterable[Deed]) -> None:
        try:
            for deed in deeds:
                deed()
        except ParleyError as fault:  # a peer that does not read
            self._give_up(fault)

    async def kept(self, keeping: asyncio.Task[None]) -> bool:
        """Let `keeping`, the task of `keep`, write what is left at the end of a session, but not for ever.

        False: not all of it. `keep` may be called again then.
        """
        self._is_over = True
        self._news.set()
        self._claimed.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(KEEPING_S):
                await keeping
                return True
        log.warning("session %s: Redis has not taken the last of its history yet", self._session)
        return False
