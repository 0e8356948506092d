"""Life: whether anything is heard of a server. Ticks count, not the clock: whoever was asleep itself blames nobody."""

from __future__ import annotations

import asyncio
from typing import Final

TICKS: Final = 8
"""After so many without a sign it is lost; there is a ping in each of them."""


class Life:
    """Of one connection. Any event is a sign, and so is the answer to a ping."""

    def __init__(self) -> None:
        self._quiet = 0
        self._ping: asyncio.Future[None] | None = None

    def sign(self) -> None:
        """Something was heard."""
        self._quiet = 0

    def tick(self) -> bool:
        """A part of the time has passed; say whether all of it has, without a sign."""
        self._quiet += 1
        return self._quiet > TICKS

    @property
    def may_ping(self) -> bool:
        """False while the last ping has not been answered: a frozen server is not given more and more of them."""
        return self._ping is None

    def pinged(self, answer: asyncio.Future[None]) -> None:
        """A ping is on its way; its answer is a sign."""
        self._ping = answer
        answer.add_done_callback(self._answered)

    def _answered(self, answer: asyncio.Future[None]) -> None:
        self._ping = None
        if not answer.cancelled() and answer.exception() is None:
            self.sign()
