"""Leases: keeps the leases of all sessions of this process, once a second and in one exchange with Redis."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from services.common.errors import StoreLost, Superseded
from services.common.store import Store

log = logging.getLogger("parley.ingress")

_RENEW_S: Final = 1.0


class _Kept:
    def __init__(self, lease: int, rewrite: Callable[[], None]) -> None:
        self.lease = lease
        self.rewrite = rewrite
        self.lost = asyncio.Event()


class Leases:
    """`run` renews; `keep` watches over one session's."""

    def __init__(self, store: Store, owner: str) -> None:
        self._store = store
        self._owner = owner
        self._kept: dict[str, _Kept] = {}
        self.lost = 0
        """Leases that were somebody else's when they were to be renewed."""

    async def keep(self, session: str, lease: int, rewrite: Callable[[], None]) -> None:
        """Keep a lease until cancelled; have the record written again where Redis has lost it.

        Raises Superseded when a later lease exists: somebody else's, or one of this process.
        """
        if (older := self._kept.get(session)) is not None:
            older.lost.set()
        kept = self._kept[session] = _Kept(lease, rewrite)
        try:
            await kept.lost.wait()
        finally:
            if self._kept.get(session) is kept:
                del self._kept[session]
        raise Superseded("this conversation was taken over by another connection.")

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            await asyncio.sleep(_RENEW_S)
            if self._kept:
                await self._renew(dict(self._kept))

    async def _renew(self, kept: dict[str, _Kept]) -> None:
        try:
            renewed = await self._store.renew_leases(self._owner, {name: each.lease for name, each in kept.items()})
        except StoreLost as error:
            # Running conversations go on without Redis; nobody can take a session while it is away either.
            log.warning("%d sessions: %s", len(kept), error.message)
            return
        self.lost += len(renewed.superseded)
        for session in renewed.superseded:
            kept[session].lost.set()
        for session in renewed.unwritten:
            kept[session].rewrite()
