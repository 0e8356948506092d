"""Promptness: how late an event loop is with what is due, and whether that is too late for more to be taken on.

Everything of a process's sessions runs in one loop. A loop that is late by as much as a person notices has too much to
do: whoever comes next would be served badly, and all that are there worse than before.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Final

LATE_S: Final = 0.3
"""Later than this on average, and nothing new is taken on: every answer, and every stop, would wait so long here."""

_PERIOD_S: Final = 0.05
_AVERAGED_S: Final = 1.0
"""The average forgets at this pace: a second of being late counts, a moment does not."""
_LONGEST_S: Final = 1.0
"""A process that was frozen for longer was not busier for that."""
_ON_TIME: Final = 0.5
"""Share of the bound below which a late loop counts as prompt again."""


class Promptness:
    """One process's. Have it `run` in the loop; `late_s` infinite never calls it late."""

    def __init__(self, late_s: float = LATE_S, clock: Callable[[], float] = time.monotonic) -> None:
        self.lag_s = 0.0
        """How late the loop is, on average over the last second or so."""
        self.note: Callable[[float], None] = lambda lag_s: None
        """Is told how late each look at the clock was."""
        self._late_s = late_s
        self._clock = clock
        self._looked_s = clock()
        self._was_late = False

    @property
    def is_late(self) -> bool:
        """Whether the loop has too much to do; also right after it has stood still, before the next look."""
        self._judge(self._with(self._clock())[0])
        return self._was_late

    def look(self) -> None:
        """Look at the clock. Due every 50 ms."""
        now_s = self._clock()
        self.lag_s, lag_s = self._with(now_s)
        self._looked_s = now_s
        self._judge(self.lag_s)
        self.note(lag_s)

    async def run(self) -> None:
        """Look at the clock when it is due, until cancelled."""
        self._looked_s = self._clock()
        while True:
            await asyncio.sleep(_PERIOD_S)
            self.look()

    def _with(self, now_s: float) -> tuple[float, float]:
        """Return the average lag and the lag itself, if it were looked at now."""
        lag_s = min(max(now_s - self._looked_s - _PERIOD_S, 0.0), _LONGEST_S)
        weight = 1 - math.exp(-min(now_s - self._looked_s, _PERIOD_S + lag_s) / _AVERAGED_S)
        return self.lag_s + (lag_s - self.lag_s) * weight, lag_s

    def _judge(self, average_s: float) -> None:
        self._was_late = average_s > self._late_s * (_ON_TIME if self._was_late else 1.0)
