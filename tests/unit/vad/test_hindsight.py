"""Hindsight: of what is decided about the past, only what still matters is told."""

from __future__ import annotations

import pytest

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2 as session
from services.vad.events import Event, Judge
from services.vad.hindsight import Hindsight

Kind = session.Interrupt
DUCK = session.Interrupt(seq=1, kind=Kind.KIND_DUCK)
RELEASE = session.Interrupt(seq=2, kind=Kind.KIND_RELEASE)
CANCEL = session.Interrupt(seq=3, kind=Kind.KIND_CANCEL)
LISTENING = client.State(state=session.CONVERSATION_STATE_LISTENING)
THINKING = client.State(state=session.CONVERSATION_STATE_THINKING)
ENDED = broker.TurnEnded(turn=1)
FIRST, SECOND = Judge(1, 0, b""), Judge(1, 1, b"")
ALL: list[Event] = [LISTENING, FIRST, DUCK, RELEASE, CANCEL, ENDED, SECOND, THINKING]


def sifted(hindsight: Hindsight, events: list[Event], *, is_past: bool) -> list[Event]:
    """Return what is told."""
    return list(hindsight.sift(events, is_past=is_past))


def test_the_present_is_told_as_it_is() -> None:
    """Everything, in order."""
    assert sifted(Hindsight(lambda _: True), ALL, is_past=False) == ALL


def test_turns_and_cancels_of_the_past_are_told_too() -> None:
    """What is heard again is answered, and a reply that was talked over is stopped, however late."""
    assert sifted(Hindsight(lambda _: True), ALL, is_past=True) == [CANCEL, ENDED]


@pytest.mark.parametrize("wanted", [True, False])
def test_the_last_state_and_question_are_told_when_the_present_has_come(wanted: bool) -> None:
    """The question only if the pause still lasts. Once."""
    hindsight = Hindsight(lambda question: wanted and question is SECOND)
    sifted(hindsight, ALL, is_past=True)
    kept: list[Event] = [THINKING, SECOND] if wanted else [THINKING]
    assert sifted(hindsight, [ENDED], is_past=False) == [*kept, ENDED]
    assert sifted(hindsight, [], is_past=False) == []


def test_a_release_of_what_was_never_lowered_is_not_told() -> None:
    """The duck was the past's; the next one is not."""
    hindsight = Hindsight(lambda _: True)
    sifted(hindsight, [DUCK], is_past=True)
    assert sifted(hindsight, [RELEASE], is_past=False) == []
    assert sifted(hindsight, [DUCK, RELEASE], is_past=False) == [DUCK, RELEASE]
