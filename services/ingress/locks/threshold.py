"""Threshold: those who have come to a door and hold no conversation yet. A flood of them ends here."""

from __future__ import annotations

from collections import Counter
from functools import partial

from services.common.errors import FullFault, LimitFault
from services.ingress.admission import Place
from services.ingress.limits import Limits
from services.ingress.locks.patience import neighbourhood


class Threshold:
    """One ingress's. Each has a place from its connection until its session begins, or it goes."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: Counter[str] = Counter()
        self.refused = 0

    def __len__(self) -> int:
        return self._waiting.total()

    def come(self, address: str) -> Place:
        """Take a place. Raises LimitFault when too many of that address are here, FullFault when too many are."""
        whose = neighbourhood(address)
        if address and self._waiting[whose] >= self._limits.max_waiting_per_address:
            self.refused += 1
            raise LimitFault(
                f"{self._limits.max_waiting_per_address} connections from this address have not opened a conversation "
                "yet; open one with each, or close them.",
                limit="waiting",
            )
        if len(self) >= self._limits.max_waiting:
            self.refused += 1
            raise FullFault("too many call at this moment; try again in a moment, or another server.")
        self._waiting[whose] += 1
        return Place(partial(self._leave, whose))

    def _leave(self, whose: str) -> None:
        self._waiting[whose] -= 1
        if not self._waiting[whose]:
            del self._waiting[whose]
