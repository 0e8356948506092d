"""Stop words: what wants silence, and what wants an answer."""

from __future__ import annotations

import pytest

from services.broker.stop_words import is_bare_stop


@pytest.mark.parametrize(
    "words",
    [
        "Stop!",
        "stop",
        "top",
        "Okay, stop please.",
        "Wait, wait.",
        "Wait a second.",
        "Hold on a second",
        "No, no, stop it!",
        "That's enough.",
        "That’s enough",
        "Hey!",
        "Hey, stop talking now.",
        "just a moment, please",
        "STOP. STOP.",
    ],
)
def test_a_bare_stop_wants_silence(words: str) -> None:
    """Case, punctuation, politeness, repetition and curly apostrophes change nothing."""
    assert is_bare_stop(words)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "...",
        "No.",
        "Okay.",
        "please",
        "What?",
        "Stop the music.",
        "Wait, what time is it?",
        "Hey, how are you",
        "bus stop",
        "on top",
        "stopping",
        "When does it stop?",
        "停",
        "stop 5 minutes",
    ],
)
def test_anything_else_wants_an_answer(words: str) -> None:
    """A stop word inside a sentence is part of a sentence; another language's word is not ours to judge."""
    assert not is_bare_stop(words)
