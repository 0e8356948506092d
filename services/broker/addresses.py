"""Addresses: where a server stands more than once, the next takes what one can't; who was lost is asked last."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

AVOIDED_S: Final = 30.0
"""So long an address that was lost, or did not take a call, is asked after the others."""


class Addresses:
    """What a process knows of them. No call is refused by it: it only says in which order they are asked."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lost_s: dict[str, float] = {}

    def lose(self, url: str) -> None:
        """A connection there broke, or could not be made."""
        self._lost_s[url] = self._clock()

    def ordered(self, urls: Sequence[str]) -> list[str]:
        """Return them as they are given, but those that were lost lately last, the latest at the very end."""
        since_s = self._clock() - AVOIDED_S
        self._lost_s = {url: lost_s for url, lost_s in self._lost_s.items() if lost_s > since_s}
        return sorted(urls, key=lambda url: self._lost_s.get(url, 0.0))


ADDRESSES: Final = Addresses()
"""This process'."""
