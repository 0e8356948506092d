"""Custody: whether a session is still this broker's, once there is a doubt: another may have been dialled meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from parley.v1 import stream_pb2
from services.broker.known import is_elsewhere
from services.broker.parting import NobodyCameBack
from services.common.errors import Superseded
from services.common.parking import PARKED_S
from services.common.store import Store

_ASK_AGAIN_S: Final = 1.0


class Custody:
    """One session's. `opened` says how it is held here."""

    def __init__(self, store: Store, opened: Callable[[], stream_pb2.StreamOpen]) -> None:
        self._store = store
        self._opened = opened
        self._doubt = asyncio.Event()
        self._is_given_up = False

    def doubt(self) -> None:
        """Redis takes no more notes of this broker's."""
        self._doubt.set()

    def give_up(self) -> None:
        """The session was parked, and nobody has come back in time."""
        self._is_given_up = True
        self._doubt.set()

    def attended(self) -> None:
        """Vad has come, if only in the nick of time."""
        self._is_given_up = False

    async def watch(self) -> None:
        """Look after it for as long as it is ours.

        Raises:
            Superseded: another broker has it.
            NobodyCameBack: nobody has it.
        """
        while True:
            await self._doubt.wait()
            self._doubt.clear()
            was_given_up = self._is_given_up
            elsewhere = await is_elsewhere(self._store, self._opened(), is_given_up=was_given_up)
            if was_given_up and not self._is_given_up:
                continue
            if elsewhere:
                raise Superseded("another broker goes on with the session")
            if was_given_up:
                raise NobodyCameBack(PARKED_S)
            await asyncio.sleep(_ASK_AGAIN_S)
