"""Suspects: addresses that have failed lately, and how long each is avoided: longer each time it fails again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

AVOIDED_S: Final = 2.0
"""How long after its first failure. A service that crashed is back by then, if anybody starts it again."""

LONGEST_S: Final = 30.0

_FORGOTTEN_S: Final = 60.0
"""A failure after so long a time without one is the first again."""

_SOONEST: Final = 1e-3


@dataclass
class _Suspicion:
    until_s: float
    lasts_s: float


class Suspects:
    """One process's, shared by all its sessions: what one has found out spares the others the attempt.

    Nobody is ever refused: where all are suspect, the one whose time is over first is the best there is.
    """

    def __init__(self) -> None:
        self._suspicions: dict[str, _Suspicion] = {}

    def suspect(self, address: str, now_s: float) -> None:
        """Note a failure. Those that come while an address is avoided are of the same one."""
        self._forget(now_s)
        known = self._suspicions.get(address)
        if known is None:
            self._suspicions[address] = _Suspicion(now_s + AVOIDED_S, AVOIDED_S)
        elif now_s >= known.until_s:
            lasts_s = min(2 * known.lasts_s, LONGEST_S)
            self._suspicions[address] = _Suspicion(now_s + lasts_s, lasts_s)

    def _forget(self, now_s: float) -> None:
        """Who has left for good, and its address with it, would be kept for ever."""
        for address in [each for each, known in self._suspicions.items() if now_s > known.until_s + _FORGOTTEN_S]:
            del self._suspicions[address]

    def trust(self, address: str) -> None:
        """Note that an address answers."""
        self._suspicions.pop(address, None)

    def penalty(self, address: str, now_s: float) -> float:
        """Return 0 for an address that is not avoided, else from 1 up: the more, the longer it will be."""
        known = self._suspicions.get(address)
        left_s = known.until_s - now_s if known is not None else 0.0
        return 1.0 + left_s * _SOONEST if left_s > 0 else 0.0
