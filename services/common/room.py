"""Room: how many sessions a process takes, and whether it takes new ones just now. What is there is never put out."""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

from services.common.errors import FullFault
from services.common.promptness import LATE_S, Promptness
from services.common.settings import Environment
from services.common.usage import Variable

MOST: Final = "PARLEY_MAX_SESSIONS"
LATE: Final = "PARLEY_MAX_LATE_MS"

FULL: Final = "full"
LATE_LOOP: Final = "late"

_SPARE: Final = 4
"""One place in so many is added for sessions that another process has lost: they have nowhere else to go on."""


class Room:
    """One process's. Whoever begins a session asks it first; sessions that go on here need not be asked for."""

    def __init__(self, stage: str, most: int, promptness: Promptness | None = None) -> None:
        self.most = most
        """Sessions at a time, the parked ones included."""
        self.promptness = promptness or Promptness(math.inf)
        self.refused: Counter[str] = Counter()
        """Sessions that were refused, by why."""
        self._stage = stage

    @classmethod
    def read(cls, env: Environment, stage: str, most: int) -> Room:
        """Read PARLEY_MAX_SESSIONS and PARLEY_MAX_LATE_MS. Raises SettingsFault."""
        late_ms = env.number(LATE, LATE_S * 1000, 0, 10_000)
        places = int(env.number(MOST, most, 1, 100_000))
        return cls(stage, places, Promptness(late_ms / 1000 if late_ms else math.inf))

    @property
    def most_of_all(self) -> int:
        """Sessions at a time when others have been lost; nobody gets beyond that."""
        return self.most + self.most // _SPARE

    def admit(self, held: int, *, resumes: bool) -> None:
        """Let a session begin beside the `held` ones. One that `resumes` goes on here after a loss.

        Raises:
            FullFault: there is no place; or, for a new one, the loop is late with what there is.
        """
        if held >= (self.most_of_all if resumes else self.most):
            self._refuse(FULL, f"{self._stage} holds its {self.most} sessions")
        if not resumes and self.promptness.is_late:
            self._refuse(LATE_LOOP, f"{self._stage} is too busy with the sessions it has")

    def _refuse(self, why: str, words: str) -> None:
        self.refused[why] += 1
        raise FullFault(f"{words}; try again in a moment, or another server.")


def variables(most: int) -> tuple[Variable, ...]:
    """Return what a service says of these settings when it is asked for help."""
    return (
        Variable(MOST, "sessions at a time; a quarter more if others are lost", most),
        Variable(LATE, "milliseconds that all may be late before new ones are refused; 0: no limit", LATE_S * 1000),
    )
