"""The judge of finished turns, for an event loop: asks the end-of-turn model in a thread of its own, and never queues
more than it can answer in time.

A judgement is worth something for a few hundred milliseconds: a pause that has grown meanwhile is judged anew. So when
too many wait, a new one is refused at once (`None`) instead of answered late; the caller then goes by the length of the
pause alone.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

MAX_IN_FLIGHT = 8
"""One running and seven waiting: about a quarter of a second of work at 30 ms each."""

NICENESS = 10
"""How far its thread steps back. Decision to flush at 30 conversations on a core, p99: 26 ms without, 11–21 with."""


class TurnModel(Protocol):
    """What the judge asks; `SmartTurn` is one."""

    def probability(self, pcm: bytes) -> float:
        """Return p(complete) of a turn's audio; may block."""
        ...


class Judge:
    """One per process, shared by its conversations. Use from one event loop; close it when done."""

    def __init__(self, model: TurnModel, max_in_flight: int = MAX_IN_FLIGHT) -> None:
        """Start idle; the thread begins with the first judgement."""
        self._model = model
        self._max_in_flight = max_in_flight
        self._thread = ThreadPoolExecutor(1, "turn-judge", initializer=_step_back)
        self._in_flight: set[Future[float | None]] = set()
        self.refused = 0
        """How many judgements were refused because too many were waiting."""
        self.withdrawn = 0
        """How many were not wanted any more when their turn came."""

    @property
    def in_flight(self) -> int:
        """How many judgements are running or waiting."""
        self._in_flight = {judgement for judgement in self._in_flight if not judgement.done()}
        return len(self._in_flight)

    async def judge(self, pcm: bytes, is_wanted: Callable[[], bool] = lambda: True) -> float | None:
        """Return p(complete) of a turn (16 kHz, s16le, its last 8 s count), or None when overloaded or closed.

        `is_wanted` is asked, in the judge's thread, when the judgement's turn has come: what nobody waits for any more
        (the person went on speaking) is not judged, and the answer is None. Cancelling the caller withdraws a
        judgement that has not begun. Raises `ValueError` for half a sample.
        """
        if self.in_flight >= self._max_in_flight:
            self.refused += 1
            return None
        try:
            judgement = self._thread.submit(self._ask, pcm, is_wanted)
        except RuntimeError:  # closed: the service is on its way out
            return None
        self._in_flight.add(judgement)
        return await asyncio.wrap_future(judgement)

    def _ask(self, pcm: bytes, is_wanted: Callable[[], bool]) -> float | None:
        if is_wanted():
            return self._model.probability(pcm)
        self.withdrawn += 1
        return None

    def close(self) -> None:
        """Withdraw what waits (its callers see it cancelled) and let the thread end after what runs."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _step_back() -> None:
    """Let everything else go first: a judgement has a quarter of a second, a frame has milliseconds."""
    if sys.platform == "linux":  # where a thread has a priority of its own; elsewhere it would be the process's
        os.nice(NICENESS)
