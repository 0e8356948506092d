"""Inbox: what has come from a client: kept until somebody takes over, and from then on handed on at once."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, Generic, Self, TypeVar

from services.common.boundary import contained
from services.common.errors import LimitFault, ParleyError, PeerLost

log = logging.getLogger("parley.ingress")

T = TypeVar("T")

_PAUSE_AT: Final = 16


class Inbox(Generic[T]):
    """An async iterator of what is `put`, and a short cut round it.

    A task switch for each message costs more than handling it; so who is ready to handle messages where they arrive
    says `hand_on`. The order stays: what still waits is iterated first.
    `flow` is told False when more waits than should, and True when all has been taken.
    """

    def __init__(self, max_waiting: int, flow: Callable[[bool], None]) -> None:
        self._waiting: deque[T] = deque()
        self._max_waiting = max_waiting
        self._flow = flow
        self._take: Callable[[T], bool] | None = None
        self._wake = asyncio.Event()
        self._fault: ParleyError | None = None
        self.is_closed = False
        """Whether more is of no use."""

    def hand_on(self, take: Callable[[T], bool]) -> None:
        """From now on call `take` with what comes. What it says False to is the last, and iterated.

        What `take` raises is raised to who iterates.
        """
        self._take = take

    def put(self, message: T) -> None:
        """Hand on, or keep. What comes too late is ignored; what is too much closes the inbox by LimitFault."""
        if self.is_closed:
            return
        if self._take is None or self._waiting:
            self._keep(message)
        else:
            contained(log, "a message of a client", partial(self._hand, message), self.close)

    def close(self, fault: ParleyError | None = None) -> None:
        """End what is iterated, after what waits: by `fault`, if there was one."""
        if not self.is_closed:
            self.is_closed = True
            self._fault = fault
            self._wake.set()

    def check(self) -> None:
        """Raise what closed it: a fault of what came, else PeerLost; nothing while it is open."""
        if self._fault is not None:
            raise self._fault
        if self.is_closed:
            raise PeerLost("client", "its connection broke")

    def _hand(self, message: T) -> None:
        assert self._take is not None
        if not self._take(message):
            self._keep(message)
            self.close()

    def _keep(self, message: T) -> None:
        if len(self._waiting) >= self._max_waiting:
            self.close(LimitFault(f"more than {self._max_waiting} messages came at once.", limit="message_rate"))
            return
        self._waiting.append(message)
        self._wake.set()
        if len(self._waiting) == _PAUSE_AT:
            self._flow(False)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while not self._waiting:
            if self._fault is not None:
                raise self._fault
            if self.is_closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        message = self._waiting.popleft()
        if not self._waiting:
            self._flow(True)
        return message
