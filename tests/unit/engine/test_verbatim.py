"""Instructions that dictate: the engine says exactly what stands in them, and answers as ever to any others."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from services.engine.events import Answer, Send
from services.engine.minds.conversationalist import answer
from services.engine.minds.verbatim import dictated
from services.engine.parts import Line
from services.engine.realtime import RealtimeSession

NOW = datetime(2026, 3, 1, 15, 4)


@pytest.mark.parametrize(
    ("instructions", "words"),
    [
        ("Say exactly the following: I'm a little teapot.", "I'm a little teapot."),
        ('say exactly the following, and nothing else: "Stop. Now."', "Stop. Now."),
        ("Say exactly the following, word for word:\n“Well: yes.”", "Well: yes."),
        ('Say exactly the following: He said "no"', 'He said "no"'),
        ("Say exactly the following:", None),
        ("You are a friendly assistant. Say exactly the following: x", None),
        ("Be brief.", None),
        ("", None),
    ],
)
def test_what_instructions_dictate(instructions: str, words: str | None) -> None:
    """Everything after the lead-in's colon, without the quotes around it; other instructions dictate nothing."""
    assert dictated(instructions) == words


def test_dictated_words_come_before_any_thought() -> None:
    """Whatever was asked before, with or without a conversation."""
    order = 'Say exactly the following: "Your taxi is here."'
    assert answer([], NOW, order) == "Your taxi is here."
    assert answer([Line("user", "what time is it")], NOW, order) == "Your taxi is here."
    assert answer([Line("user", "what time is it")], NOW, "Be brief.") == "It is 3:04 PM."


def created(response: dict[str, Any]) -> tuple[RealtimeSession, list[Any]]:
    """Ask a session for a response."""
    session = RealtimeSession("m", 0)
    return session, session.receive('{"type": "response.create", "response": ' + str(response).replace("'", '"') + "}")


def test_a_response_knows_its_own_instructions() -> None:
    """They stay with the response that they came with."""
    session, actions = created({"instructions": "Say exactly the following: x", "input": [], "tool_choice": "none"})
    (ordered,) = [action for action in actions if isinstance(action, Answer)]
    response = session.response(ordered.response_id)
    assert response is not None
    assert response.instructions == "Say exactly the following: x"
    assert session.context(ordered.response_id) == []


def test_instructions_must_be_text() -> None:
    """Anything else is refused, and names the field."""
    _, (refusal,) = created({"instructions": 7})
    assert isinstance(refusal, Send)
    assert refusal.event["error"]["param"] == "response.instructions"
