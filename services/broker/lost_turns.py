"""Lost turns: what the person said, a broker that is gone took and answered, and nobody has written down.

Their words come of a transcription that went with its broker. vad hears them again; they get their place in history,
before their answers, and no second answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from parley.v1 import session_pb2 as session
from services.broker.history import History, Place
from services.broker.part import Part

ASKING_WAITS_S: Final = 2.0
"""A model that is to go on answering a turn should know it: so long it is asked for nothing while one is missing."""

PATIENCE_S: Final = 20.0
"""A turn that nobody has heard again by then stands in history without words, so that its answer has a question."""


@dataclass(eq=False)
class LostTurn:
    """One of them, as its mark in history tells of it."""

    mark: session.HistoryItem
    place: Place


class LostTurns:
    """One conversation's, oldest first."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._lost: list[LostTurn] = []
        self._until = 0
        self._since_s = 0.0

    def expect(self, marks: Sequence[session.HistoryItem], now_s: float) -> None:
        """Keep the next places in history for these."""
        self._lost = [LostTurn(mark, self._history.reserve()) for mark in marks]
        self._until = max((mark.mic_offset for mark in marks), default=0)
        self._since_s = now_s

    def is_missed(self, now_s: float) -> bool:
        """Say whether one may come any moment, and the model should know it before it is asked for anything."""
        return bool(self._lost) and now_s - self._since_s < ASKING_WAITS_S

    def covers(self, offset: int, name: str = "") -> bool:
        """Say whether what was said until `offset`, or typed under this name, was answered before."""
        return offset < self._until or any(lost.mark.id == name for lost in self._lost if name)

    def found(self, part: Part, offset: int, name: str = "") -> None:
        """What was said until `offset` is heard again: give it its turn's place, if that is free."""
        named = [lost for lost in self._lost if name and lost.mark.id == name]
        lost = next(iter(named or [lost for lost in self._lost if offset < lost.mark.mic_offset]), None)
        if lost is None:
            return
        at = self._lost.index(lost)
        missed, self._lost = self._lost[:at], self._lost[at + 1 :]
        self._give_up(missed)  # it was all heard in order
        self._history.fill(part.place)
        part.place.remembered, lost.place.remembered = None, part
        part.place, part.told_as = lost.place, lost.mark.turn
        part.mic_offset = max(part.mic_offset, lost.mark.mic_offset)

    def tick(self, now_s: float) -> None:
        """Give up those that have been waited for long enough."""
        if self._lost and now_s - self._since_s >= PATIENCE_S:
            self.close()

    def close(self) -> None:
        """Wait no longer."""
        lost, self._lost = self._lost, []
        self._give_up(lost)

    def _give_up(self, lost: Sequence[LostTurn]) -> None:
        for each in lost:
            item = session.HistoryItem(
                role=session.HistoryItem.ROLE_USER,
                turn=each.mark.turn,
                mic_offset=each.mark.mic_offset,
                id=each.mark.id,
            )
            self._history.fill(each.place, item)
