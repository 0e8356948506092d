"""Instructions that dictate: the engine says exactly what stands in them, and answers as ever to any others."""

from __future__ import annotations

from datetime import datetime

import pytest

from services.engine.minds.conversationalist import answer
from services.engine.minds.verbatim import dictated
from services.engine.parts import Line

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
