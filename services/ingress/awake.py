"""AwakeClock: time as far as this process was awake. It was asleep, or frozen, and must not blame others for that."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

LONGEST_STEP_S: Final = 0.5
"""More than this between two looks at the clock is sleep: sessions look ten times a second."""


class AwakeClock:
    """Call it for the time in seconds. One for all sessions of a process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_s = clock()
        self._awake_s = 0.0

    def __call__(self) -> float:
        """Return how long the process has been awake."""
        now_s = self._clock()
        self._awake_s += min(now_s - self._looked_s, LONGEST_STEP_S)
        self._looked_s = now_s
        return self._awake_s
