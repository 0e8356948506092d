"""Leases: keeps the leases of all sessions of this process, once a second and in one exchange with Redis."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from services.common.errors import StoreLost, Superseded
from services.common.store import Store

log = logging.getLogger("parley.ingress")

_RENEW_S: Final = 1.0


class Leases:
    """`run` renews; `keep` watches over one session's."""

    def __init__(self, store: Store, owner: str) -> None:
        self._store = store
        self._owner = owner
        self._leases: dict[str, int] = {}
        self._lost: dict[str, asyncio.Event] = {}

    async def keep(self, session: str, lease: int) -> None:
        """Keep a lease until cancelled. Raises Superseded when a later one exists."""
        self._leases[session] = lease
        lost = self._lost[session] = asyncio.Event()
        try:
            await lost.wait()
        finally:
            del self._leases[session], self._lost[session]
        raise Superseded("this conversation was taken over by another connection.")

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            await asyncio.sleep(_RENEW_S)
            if not self._leases:
                continue
            try:
                renewed = await self._store.renew_leases(self._owner, dict(self._leases))
            except StoreLost as error:
                # Running conversations go on without Redis; nobody can take a session while it is away either.
                log.warning("%d sessions: %s", len(self._leases), error.message)
                continue
            for session in renewed.superseded & self._lost.keys():
                self._lost[session].set()
