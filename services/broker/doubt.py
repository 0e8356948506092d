"""Doubt: a short interruption may be nothing but a "stop", which is obeyed and not answered. Its words decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from services.broker.actions import Actions
from services.broker.part import Part
from services.broker.sequencer import Sequencer
from services.broker.stop_words import is_bare_stop

TRANSCRIPT_WAIT_S: Final = 3.0
"""How long a short interruption waits to be understood: is it a bare "stop"? Then it is taken for one."""


@dataclass
class _Case:
    part: Part
    deadline_s: float
    resumed: bool


class Doubt:
    """The one short interruption that is answered unless it turns out to be a bare stop."""

    def __init__(self, actions: Actions, sequencer: Sequencer) -> None:
        self._actions = actions
        self._sequencer = sequencer
        self._case: _Case | None = None
        self._suspended: _Case | None = None

    @property
    def stands(self) -> bool:
        """True while it is not decided."""
        return self._case is not None

    def begin(self, part: Part, now_s: float, *, resumed: bool) -> None:
        """Await a part's words. `resumed`: its turn had begun before, and wants an answer even if this was no word."""
        self._case = _Case(part, now_s + TRANSCRIPT_WAIT_S, resumed)

    def drop(self) -> None:
        """It no longer matters."""
        self._case = self._suspended = None

    def suspend(self) -> None:
        """The person has taken the floor; it may be that they only go on."""
        self._case, self._suspended = None, self._case or self._suspended

    def take_up(self, turn: int, now_s: float) -> bool:
        """They did not go on after all: decide about `turn` as before. False if there was no doubt about it."""
        case, self._suspended = self._suspended, None
        if case is None or case.part.turn != turn:
            return False
        self._case = case
        self.wait_again(now_s)
        if case.part.transcript is not None:
            self.understood(case.part)
        return True

    def drop_for(self, part: Part) -> None:
        """There was no such turn."""
        if self._case is not None and self._case.part is part:
            self._case = None

    def understood(self, part: Part) -> None:
        """A part's words are known: a bare stop is obeyed, anything else answered."""
        if self._case is None or self._case.part is not part:
            return
        case, self._case = self._case, None
        words = part.transcript or ""
        if is_bare_stop(words) or not (words or case.resumed):
            self._actions.silent(part.turn)
        else:
            self._sequencer.want(part.turn)

    def wait_again(self, now_s: float) -> None:
        """A new connection's model writes it down from now on."""
        if self._case is not None:
            self._case.deadline_s = now_s + TRANSCRIPT_WAIT_S

    def tick(self, now_s: float) -> None:
        """Decide without words when they don't come."""
        if self._case is not None and now_s >= self._case.deadline_s:
            self.understood(self._case.part)
