"""AwakeClock: time as far as this process was awake. It was asleep, or frozen, and must not blame others for that."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Final

LONGEST_STEP_S: Final = 0.5
"""More than this between two looks at the clock is sleep, or a long wait in a queue."""

ASLEEP_S: Final = 1.0
"""Who has not looked for so long may have been taken for dead."""

_LOOK_S: Final = 0.25


class AwakeClock:
    """Call it for the time in seconds. One for all sessions of a process; `run` keeps it going."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_s = clock()
        self._awake_s = 0.0
        self._woke_s = -math.inf

    def __call__(self) -> float:
        """Return how long the process has been awake."""
        now_s = self._clock()
        step_s = now_s - self._looked_s
        self._awake_s += min(step_s, LONGEST_STEP_S)
        self._looked_s = now_s
        if step_s > ASLEEP_S:
            self._woke_s = self._awake_s
        return self._awake_s

    def awake_for_s(self) -> float:
        """Return how long ago the process woke up; infinity if it never slept."""
        return self() - self._woke_s

    async def run(self) -> None:
        """Look at it, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self()
