"""Health: what a process says of itself when a supervisor or a caller asks. The core, without I/O; time is given.

Three questions, and each has a consequence. *startup*: has it begun? Until then nothing else is asked of it.
*readiness*: may it be given something new? If not, nothing new comes; what goes on here goes on. *liveness*: would it
be better off dead? If so it is killed with all its conversations, so only an event loop that has been stuck for seconds
says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

STARTUP: Final = "startup"
READINESS: Final = "readiness"
LIVENESS: Final = "liveness"
OVERALL: Final = ""
"""What is asked without a name: the same as readiness."""

RECENT_S: Final = 10.0
"""Redis that has not answered for so long is away. A failover takes 2 to 4 s (docs/redis.md)."""

STUCK_S: Final = 1.0
STUCK_LOOKS: Final = 3
"""Later than that, so many looks in a row: it has been stuck for more than 4 s. One late look is a process that was
frozen, or a machine that slept: it is well again."""


class Needs(Enum):
    """How far readiness depends on Redis."""

    NOTHING = auto()
    """It does not use Redis."""
    ONCE = auto()
    """It must have reached it since it began, so that a roll-out with a wrong address or password stops at the first.
    After that it is ready without, too: who takes a conversation over while Redis is away has to be found."""
    ALWAYS = auto()
    """Nothing new can begin here without it: callers are better off at another door."""


class HealthState:
    """One process's. `also` is another condition of being ready. Tell it what happens; it says what is served."""

    def __init__(self, needs: Needs, also: Callable[[], bool] = lambda: True) -> None:
        self._needs = needs
        self._also = also
        self._is_open = False
        self._is_draining = False
        self._redis_s = -math.inf
        self._late_looks = 0

    def open(self) -> None:
        """The models are loaded, and the doors are open."""
        self._is_open = True

    def drain(self) -> None:
        """It is going away."""
        self._is_draining = True

    def redis_answered(self, now_s: float) -> None:
        """Redis is there."""
        self._redis_s = now_s

    def looked(self, lag_s: float) -> None:
        """Note how late the event loop was, at each look."""
        self._late_looks = self._late_looks + 1 if lag_s > STUCK_S else 0

    def is_serving(self, name: str, now_s: float) -> bool:
        """Answer one of the three questions, or `OVERALL`."""
        match name:
            case "startup":
                return self._is_open
            case "liveness":
                return self._late_looks < STUCK_LOOKS
        return self._is_open and not self._is_draining and self._has_redis(now_s) and self._also()

    def _has_redis(self, now_s: float) -> bool:
        match self._needs:
            case Needs.NOTHING:
                return True
            case Needs.ONCE:
                return self._redis_s > -math.inf
            case Needs.ALWAYS:
                return now_s - self._redis_s <= RECENT_S
