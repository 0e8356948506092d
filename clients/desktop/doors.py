"""The servers that may take a conversation: which one is called next, and after what pause."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

PAUSE_S = 0.25
"""After each of them has refused once; twice as long after each further round."""
LONGEST_PAUSE_S = 0.8
"""While a session waits, so that it goes on within a second of the network's return."""
ANSWER_S = 2.0
"""So long a server may say nothing at all before the next is called; twice as long once each has kept silent."""
LONGEST_ANSWER_S = 10.0
SETTLED_S = 1.0
"""A connection that has lasted so long was a good one: after it the pauses begin anew."""
_DOUBLINGS = 10


class Try(NamedTuple):
    """The next call."""

    address: str
    pause_s: float
    """How long to wait before it, from the beginning of the call before."""
    answer_s: float
    """How long the server may say nothing at all."""


class Doors:
    """Goes round the addresses. One that took the call is the present one."""

    def __init__(self, addresses: str, chance: Callable[[], float] = random.random) -> None:
        """Take them as the person wrote them, with commas between: "a:7700,ws://b:7780".

        `chance`, from 0 to 1, says where between half and whole a pause is: a crowd must not call in step.
        """
        self._chance = chance
        self.addresses = tuple(address.strip() for address in addresses.split(",") if address.strip())
        self._present = 0
        self._calls = 0
        self._unanswered = 0

    def __len__(self) -> int:
        return len(self.addresses)

    @property
    def present(self) -> str:
        """The address that took the call last, or is being called."""
        return self.addresses[self._present]

    def seek(self, *, elsewhere: bool, lasted_s: float) -> None:
        """Begin to look for a server that takes the conversation up again.

        `elsewhere`: the present one is silent or can't be reached, so that the next is called first. `lasted_s`: how
        long its connection stood; one that breaks off at once again and again must not be called without pauses.
        """
        if lasted_s >= SETTLED_S:
            self._calls = self._unanswered = 0
        if not elsewhere:
            self._present = (self._present - 1) % len(self)

    def next(self) -> Try:
        """Go on to the next server."""
        self._present = (self._present + 1) % len(self)
        finished_rounds, place = divmod(self._calls, len(self))
        self._calls += 1
        pause_s = 0.0
        if finished_rounds and not place:
            pause_s = min(PAUSE_S * _doubled(finished_rounds - 1), LONGEST_PAUSE_S) * (1 + self._chance()) / 2
        answer_s = ANSWER_S * _doubled(self._unanswered // len(self))
        return Try(self.present, pause_s, min(answer_s, LONGEST_ANSWER_S))

    def unanswered(self) -> None:
        """Note that the present one has kept silent: perhaps all of them need longer."""
        self._unanswered += 1


def _doubled(times: int) -> float:
    return 2.0 ** min(times, _DOUBLINGS)
