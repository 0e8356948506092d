"""Traced turns: what the broker knows of each turn for its trace: its context, and when what happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from parley.v1 import session_pb2 as session
from services.broker import journal
from services.common.bounded import Bounded
from services.common.traceparent import trace_id
from services.common.tracing.context import mint
from services.common.tracing.mic_time import in_s
from services.common.tracing.tracing import Failure, Value

RECENT_S: Final = 20.0
"""A broker tells a turn's root ten seconds after the last news of it: of older ones the last broker has told."""


@dataclass
class TracedTurn:
    """One turn. Moments are seconds of Unix time, 0 where they are not known."""

    number: int
    traceparent: str
    previous: str = ""
    """The context of the turn before."""
    spoken_until_s: float = 0.0
    """When the person had spoken, the first time that it seemed so: the root begins there."""
    decided_s: float = 0.0
    first_s: float = 0.0
    until_s: float = 0.0
    """When its last sample was played, or the last that is known of it."""
    asked_s: list[float] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    is_ended: bool = False
    """Its end was told, and not tentatively; it may be resumed all the same."""
    is_committed: bool = False
    is_taken_over: bool = False
    is_told: bool = False
    failure: Failure | None = None

    def end(self, spoken_until_s: float) -> None:
        """The person seems to have finished; of a turn that went on, again."""
        if not self.is_ended:
            self.spoken_until_s = spoken_until_s
        self.asked_s.clear()
        self.is_committed, self.failure = False, None

    def decide(self, decided_s: float) -> None:
        """That is certain."""
        self.decided_s, self.is_ended = decided_s, True

    def ask(self, now_s: float) -> None:
        """The model is asked."""
        self.asked_s.append(now_s)

    def commit(self, asked_s: float) -> tuple[float, float] | None:
        """Return from when until when the turn was on its way to the model, which began to be `asked_s`; once.

        Of several responses, as when a tool was called, the first ended it.
        """
        if self.is_committed or not self.decided_s:
            return None
        self.is_committed = True
        until_s = asked_s if len(self.asked_s) <= 1 else max(self.asked_s[0], self.decided_s)
        return self.decided_s, max(self.decided_s, until_s)

    def lasts_until(self, unix_s: float) -> None:
        """Something of it ended then."""
        self.until_s = max(self.until_s, unix_s)


class TracedTurns:
    """One session's. Turn 0 is what the assistant says of its own accord: each time a trace of its own."""

    def __init__(self, traceparent: str = "") -> None:
        self.newest = 0
        self._session_trace = trace_id(traceparent)
        self._turns: Bounded[int, TracedTurn] = Bounded()
        self._by_context: Bounded[str, TracedTurn] = Bounded()
        self._previous = ""

    def __contains__(self, number: int) -> bool:
        return number in self._turns

    def begin(self, number: int, traceparent: str) -> TracedTurn:
        """A turn begins, with its context."""
        turn = TracedTurn(number, traceparent or mint(self._session_trace), self._previous)
        return self._keep(turn)

    def carry(self, turn: TracedTurn, *, is_told: bool) -> None:
        """Take one that another broker has led."""
        turn.is_taken_over, turn.is_told, turn.previous = True, is_told, self._previous
        self._keep(turn)

    def of(self, number: int) -> TracedTurn:
        """Return a turn; one that nobody has begun gets a context here."""
        return self._turns.get(number) or self.begin(number, "")

    def find(self, traceparent: str) -> TracedTurn | None:
        """Return the turn of a context."""
        return self._by_context.get(traceparent)

    def told(self, number: int) -> None:
        """Its root has been told. What the assistant says next of its own accord is another trace."""
        self.of(number).is_told = True
        if not number:
            del self._turns[number]

    def _keep(self, turn: TracedTurn) -> TracedTurn:
        self._turns[turn.number] = self._by_context[turn.traceparent] = turn
        if turn.number:
            self._previous, self.newest = turn.traceparent, max(self.newest, turn.number)
        return turn


def of_history(items: Iterable[session.HistoryItem], now_s: float) -> list[tuple[TracedTurn, bool]]:
    """Return the turns whose ends stand in history, oldest first, and whether their roots may be still to be told."""
    written = journal.written(items)
    news_s: dict[int, float] = {}
    for item in written:
        news_s[item.turn] = item.at_ms / 1000
    turns = []
    for mark in written:
        if not mark.role and mark.item == journal.TAKEN and mark.traceparent:
            spoken_until_s = in_s(mark.spoken_until_us)
            turn = TracedTurn(mark.turn, mark.traceparent, spoken_until_s=spoken_until_s, decided_s=mark.at_ms / 1000)
            turns.append((turn, now_s - news_s[mark.turn] < RECENT_S))
    return turns


def scalars(attributes: Mapping[str, Any]) -> dict[str, Value]:
    """Return a record's attributes as a span can have them: what is a span of its own is left out."""
    known: dict[str, Value] = {}
    for name, value in attributes.items():
        if isinstance(value, dict):
            known |= {f"{name}.{key}": each for key, each in value.items()}
        elif not isinstance(value, list) or all(isinstance(each, int) for each in value):
            known[name] = value
    return known
