"""Chronicle: a session's record, kept true in Redis: who serves it, who may write, what a takeover has to know."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from parley.v1 import session_pb2, stream_pb2
from services.common.errors import StoreLost, Superseded
from services.common.store import Store
from services.ingress.session import Session

log = logging.getLogger("parley.ingress")

_EVERY_S: Final = 1.0

TAKEN: Final = "this conversation was taken over by another connection."


class Chronicle:
    """One session's.

    The record's dial is the one with which its broker was first asked: a broker that was replaced can't write any more,
    and one that goes on, behind another vad or before another egress, is never taken for one.
    """

    def __init__(self, store: Store, record: session_pb2.SessionRecord, session: Session) -> None:
        self.record = record
        self._store = store
        self._session = session
        self._is_stale = False
        self._writing = asyncio.Lock()

    def move(self, route: stream_pb2.Route, dial: int) -> None:
        """Note where the session is served from now on."""
        if route.broker != self.record.route.broker:
            self.record.dial = dial
        self.record.route.CopyFrom(route)
        self._is_stale = True

    def forgotten(self) -> None:
        """Redis has lost it."""
        self._is_stale = True

    async def written(self) -> None:
        """Write it. Where Redis is away that is done later.

        Raises:
            Superseded: a later lease has the session.
        """
        async with self._writing:
            gate = self._session.verdicts.gate
            self.record.floor, self.record.seq = gate.floor, gate.settled_seq
            self.record.mic_shift = self._session.microphone.shift
            self._is_stale = False
            try:
                stands = await self._store.write_record(self.record)
            except StoreLost as error:
                self._is_stale = True
                log.warning("session %s: its record is not written yet: %s", self.record.session, error.message)
                return
        if not stands:
            raise Superseded(TAKEN)

    async def keep(self) -> None:
        """Write it whenever it is not true any more, until cancelled. Raises Superseded."""
        while True:
            await asyncio.sleep(_EVERY_S)
            if self._is_stale or self.record.mic_shift != self._session.microphone.shift:
                await self.written()
