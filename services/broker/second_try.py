"""Second try: a response that failed for a passing reason is asked for again before the person is told."""

from __future__ import annotations

import logging
import re
from typing import Final

from services.broker.event import Event, text
from services.broker.faults import code_of
from services.broker.sequencer import Sequencer

log = logging.getLogger("parley.broker")

TRIES: Final = 3
"""Of one turn altogether."""

PAUSES_S: Final = (0.5, 2.0)
_LONGEST_S: Final = 8.0
"""A server that wants a longer pause than this is not waited for: the person is told instead."""

_PASSING: Final = frozenset(
    {"server_error", "rate_limit_exceeded", "inference_rate_limit_exceeded", "internal_error", "overloaded_error"}
)
_NAMED_PAUSE: Final = re.compile(r"try again in (\d+(?:\.\d+)?)\s*(ms|s)\b")


class SecondTry:
    """Counts the tries of the newest turn, and holds the sequencer during the pause before each."""

    def __init__(self, sequencer: Sequencer) -> None:
        self._sequencer = sequencer
        self._turn = 0
        self._tries = 0
        self._until_s: float | None = None

    @property
    def is_waiting(self) -> bool:
        """True during a pause."""
        return self._until_s is not None

    def begin(self, turn: int, error: Event, now_s: float) -> bool:
        """Pause before the answer to `turn` is asked for again; False when the person should be told instead."""
        if turn != self._turn:
            self._turn, self._tries = turn, 0
        self._tries += 1
        if self._tries >= TRIES or not {text(error, "code"), text(error, "type")} & _PASSING:
            return False
        pause_s = _named_pause_s(text(error, "message")) or PAUSES_S[self._tries - 1]
        if pause_s > _LONGEST_S:
            return False
        log.warning("the model failed (%s); it is asked again in %g s", code_of(error), pause_s)
        if not self.is_waiting:
            self._sequencer.hold()
        self._until_s = now_s + pause_s
        return True

    def tick(self, now_s: float) -> None:
        """End the pause when it is over."""
        if self._until_s is not None and now_s >= self._until_s:
            self.end()

    def end(self) -> None:
        """End the pause, if there is one."""
        if self._until_s is not None:
            self._until_s = None
            self._sequencer.release()


def _named_pause_s(message: str) -> float | None:
    """Return the pause that a message asks for: "Please try again in 1.3s"."""
    found = _NAMED_PAUSE.search(message)
    if found is None:
        return None
    return float(found[1]) / (1000 if found[2] == "ms" else 1)
