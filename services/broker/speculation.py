"""Speculation: on a turn's tentative end the model is asked at once, and thinks while the pause grows.

Nobody learns of it before the end is confirmed: what the model says is withheld, what it heard is not told. If the
person goes on, or anything else comes in between, all is taken back: the response is cancelled and forgotten, the
committed audio deleted and given to the model's input buffer again. Then everything stands as if the end had never
been told, so the turn's next end, tentative or not, commits all of it as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from parley.v1 import broker_service_pb2 as broker
from services.broker.answering import Answering
from services.broker.ears import Ears
from services.broker.part import Part
from services.broker.stages import TurnEnd
from services.broker.stop_words import may_be_bare

MAX_PREPARED: Final = 3
"""Responses asked for per turn before it is sure to be over: each that is not wanted is paid for all the same."""

PATIENCE_S: Final = 5.0
"""A pause is twice decided by then; an end that is not confirmed keeps the model from whatever else it is asked."""


@dataclass
class Tally:
    """What became of the responses that were asked for early."""

    prepared: int = 0
    used: int = 0
    wasted: int = 0
    """Taken back: the turn went on, or something came in between."""
    failed: int = 0
    """Refused, lost or failed by the model; the person is told nothing, and the turn is asked again when it is over."""

    def __str__(self) -> str:
        return f"{self.prepared} answers begun early, {self.used} used, {self.wasted} wasted, {self.failed} failed"


class Speculation:
    """One conversation's tentative ends."""

    def __init__(self, ears: Ears, answering: Answering, *, enabled: bool) -> None:
        self.tally = Tally()
        self._ears = ears
        self._answering = answering
        self._enabled = enabled
        self._ended: broker.TurnEnded | None = None
        """The tentative end that stands."""
        self._part: Part | None = None
        """What was committed on it: there while an answer is being prepared."""
        self._since_s = 0.0
        self._turn = 0
        self._times = 0

    def begin(self, ended: broker.TurnEnded, now_s: float, *, is_free: bool) -> None:
        """Take a tentative end. With `is_free` nothing else is waited for, and the answer may be prepared."""
        self.drop(now_s)
        self._ended = ended
        if not (self._enabled and is_free and self._is_worth_it(ended)):
            return
        self._times += 1
        self.tally.prepared += 1
        self._since_s = now_s
        self._part = self._ears.commit(ended.turn, now_s, held=True)
        self._answering.prepare(ended.turn, now_s)

    def _is_worth_it(self, ended: broker.TurnEnded) -> bool:
        """Say whether an answer may be had at once. A short interruption may want none: its words are awaited first.

        A server that still owes its word on a commit might never say which item to delete.
        """
        if ended.turn != self._turn:
            self._turn, self._times = ended.turn, 0
        wants_none = may_be_bare(ended) or bool(ended.stop_word)
        can = self._answering.sequencer.is_idle and not self._ears.awaits_commit
        return can and not wants_none and self._times < MAX_PREPARED

    def confirmed(self, confirmed: broker.TurnConfirmed) -> broker.TurnEnded | None:
        """Take the word that the end holds; return the end as it is now, or None if there was none to confirm."""
        ended = self._ended
        if ended is None or ended.turn != confirmed.turn:
            return None
        self._ended, ended.tentative = None, False
        if confirmed.waited_ms:  # a vad that doesn't say leaves what it said of the tentative end
            ended.waited_ms, ended.confidence = confirmed.waited_ms, confirmed.confidence
        return ended

    def release(self, end: TurnEnd, now_s: float) -> Part | None:
        """The turn is over: let everybody know what the model has said so far. None if nothing was prepared."""
        self.check(now_s)
        part, self._part = self._part, None
        if part is None:
            return None
        self.tally.used += 1
        self._answering.last_turn = end
        self._ears.confirm(part, end.mic_offset)
        self._answering.release(now_s)
        return part

    def drop(self, now_s: float) -> bool:
        """The end does not hold; return False if there was none."""
        ended, self._ended = self._ended, None
        self.take_back(now_s)
        return ended is not None

    def take_back(self, now_s: float, *, failed: bool = False) -> None:
        """Undo what was prepared. The end itself still stands, and may be confirmed."""
        part, self._part = self._part, None
        if part is None:
            return
        if failed or not self._answering.is_prepared:
            self.tally.failed += 1
        else:
            self.tally.wasted += 1
        self._answering.abandon(now_s)
        self._ears.take_back(part)

    def refused(self, part: Part, now_s: float) -> None:
        """The model takes no such commit: what was to be prepared on it can't be."""
        if part is self._part:
            self.take_back(now_s, failed=True)

    def check(self, now_s: float) -> None:
        """Take back what the model has failed to do, and what nobody confirms."""
        if self._part is not None and (not self._answering.is_prepared or now_s - self._since_s > PATIENCE_S):
            self.take_back(now_s)
