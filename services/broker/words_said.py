"""Words said: what a turn was about, kept for the log where the operator wants to read it there; else nothing is."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from parley.v1 import session_pb2 as session
from services.common.logs import may_tell_words

_TURNS: Final = 64
_MOST_CHARS: Final = 2_000
"""Of one side, in one turn."""

PERSON: Final = "person_said"
ASSISTANT: Final = "assistant_said"
_SIDES: Final = {session.HistoryItem.ROLE_USER: PERSON, session.HistoryItem.ROLE_ASSISTANT: ASSISTANT}


class WordsSaid:
    """One session's, by turn."""

    def __init__(self) -> None:
        self._turns: OrderedDict[int, dict[str, str]] = OrderedDict()

    def take(self, item: session.HistoryItem) -> None:
        """Take an item of history."""
        side = _SIDES.get(item.role)
        if side is None or not item.text or not may_tell_words():
            return
        said = self._turns.setdefault(item.turn, {})
        said[side] = f"{said.get(side, '')} {item.text}".strip()[:_MOST_CHARS]
        while len(self._turns) > _TURNS:
            self._turns.popitem(last=False)

    def of(self, turn: int) -> dict[str, str]:
        """Return what was said in a turn, and forget it."""
        return self._turns.pop(turn, {})
