"""What words tell of a turn's end: enough to wait after "and", and no more than that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.vad.wording import CLOSED, DANGLING, HALF_NUMBER, HESITATING, UNFINISHED, wording


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("I'd like a coffee and", DANGLING),
        ("send it to my", DANGLING),
        ("The", DANGLING),
        ("I was thinking um", HESITATING),
        ("Well, I was thinking, uh…", UNFINISHED),
        ("my number is five five five", 0.0),
        ("my number is five five five one two", HALF_NUMBER),
        ("it's 5 5 5 0 1", HALF_NUMBER),
        ("it's 555 0123", 0.0),
        ("seven", 0.0),
        ("yes", CLOSED),
        ("No, thanks", CLOSED),
        ("That's it.", CLOSED),
        ("What is that?", CLOSED),
        ("that's all", CLOSED),
        ("turn on the kitchen light", 0.0),
        ("I'd like a coffee,", UNFINISHED),
        ("", 0.0),
        (None, 0.0),
        ("  ", 0.0),
    ],
)
def test_english(text: str | None, worth: float) -> None:
    """Each kind of finding, and its absence."""
    assert wording(text) == worth


def test_other_languages() -> None:
    """A language has a table of its own; of one without, punctuation counts alone."""
    assert wording("ich hätte gern einen Kaffee und", "de-AT") == DANGLING
    assert wording("je voudrais un café et", "fr") == 0.0
    assert wording("Je voudrais un café.", "fr") == CLOSED
    assert wording("我想要一杯咖啡。", "zh") == CLOSED


@given(st.text(max_size=60), st.text(max_size=8))
def test_any_text_is_worth_something_finite(text: str, language: str) -> None:
    """Recognisers write all kinds of things."""
    assert HESITATING <= wording(text, language) <= CLOSED
