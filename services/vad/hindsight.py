"""Hindsight: what is still worth telling of decisions about sound that has gone by.

A vad that takes over hears again what nobody has decided upon, and decides as it would have then. A turn is a turn, and
a cancel must be carried out, however late. But a reply that was to be lowered for a moment is not lowered now; of
several states only the last is one; and the end-of-turn model is asked about a pause only if it still lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2 as session
from services.vad.events import Event, Judge

Kind = session.Interrupt


class Hindsight:
    """One session's. `wants` says whether the answer to a question still counts."""

    def __init__(self, wants: Callable[[Judge], bool]) -> None:
        self._wants = wants
        self._question: Judge | None = None
        self._state: client.State | None = None
        self._is_lowered = True
        """The client knows of the duck that a release would undo."""

    @property
    def keeps(self) -> bool:
        """Something is to be told when it is the present."""
        return self._question is not None or self._state is not None

    def sift(self, events: Iterable[Event], *, is_past: bool) -> Iterator[Event]:
        """Return what is to be told of what was decided; once it is the present, what was kept goes first."""
        if not is_past and self.keeps:
            yield from self._kept()
        for event in events:
            if not is_past and not isinstance(event, session.Interrupt):
                yield event
                continue
            match event:
                case Judge():
                    self._question = event
                case client.State():
                    self._state = event
                case session.Interrupt(kind=Kind.KIND_DUCK):
                    self._is_lowered = not is_past
                    if not is_past:
                        yield event
                case session.Interrupt(kind=Kind.KIND_RELEASE) if is_past or not self._is_lowered:
                    pass
                case _:
                    yield event

    def _kept(self) -> Iterator[Event]:
        question, self._question = self._question, None
        state, self._state = self._state, None
        if state is not None:
            yield state
        if question is not None and self._wants(question):
            yield question
