"""How likely a turn is over: evidence adds up, and what is not known adds nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.vad.completeness import (
    ANSWER_MS,
    CERTAIN,
    SEMANTIC_STOPPED,
    SILENCE_STOPPED,
    Context,
    ends,
    log_odds,
    probability,
)
from services.vad.rhythm import Rhythm

NOTHING = Context()
CHANCE = st.floats(0.0, 1.0, allow_subnormal=False)


def test_nothing_known_is_no_opinion() -> None:
    """Without a judgement and without words there is none, however the person pauses."""
    assert ends([], Rhythm(), Context(asked=True), 500.0) is None


def test_the_ear_alone() -> None:
    """With nothing else known, it is what the model said; two judgements are averaged."""
    assert ends([0.9], Rhythm(), NOTHING, 5_000.0) == pytest.approx(log_odds(0.9))
    assert ends([0.9, 0.1], Rhythm(), NOTHING, 5_000.0) == pytest.approx(0.0)


def test_a_short_answer_to_a_question_is_complete_sooner() -> None:
    """The shorter, the more; a long one is a story like any other."""
    asked = Context(asked=True)
    odds = [ends([0.5], Rhythm(), asked, speech_ms) or 0.0 for speech_ms in (100.0, 700.0, ANSWER_MS, 9_000.0)]
    assert odds == sorted(odds, reverse=True)
    assert odds[0] > 1.0
    assert odds[2] == odds[3] == pytest.approx(0.0)


def test_words_count_without_the_ear() -> None:
    """When the model is too busy to answer, a dangling "and" still says that there is more to come."""
    odds = ends([], Rhythm(), Context(words="I'd like a coffee and"), 2_000.0)
    assert odds is not None
    assert odds < -2.0


@given(CHANCE, CHANCE, st.integers(0, 9), st.booleans())
def test_the_surer_the_ear_the_higher_the_odds(one: float, other: float, pauses: int, asked: bool) -> None:
    """Whatever else is known, and no single judgement decides alone."""
    rhythm = Rhythm()
    for _ in range(pauses):
        rhythm.went_on()
    low, high = (ends([p], rhythm, Context(asked=asked), 800.0) for p in sorted((one, other)))
    assert low is not None
    assert high is not None
    assert low <= high
    assert high - low <= 2 * CERTAIN + 1e-6


@given(st.floats(-CERTAIN, CERTAIN, allow_subnormal=False))
def test_odds_and_probability_are_inverse(odds: float) -> None:
    """Each undoes the other."""
    assert log_odds(probability(odds)) == pytest.approx(odds, abs=1e-6)


def test_the_models_own_ear_is_one_more_voice() -> None:
    """It adds what it is worth, to an opinion of our own; alone it is none."""
    stopped = Context(model_stopped=SEMANTIC_STOPPED)
    assert ends([0.5], Rhythm(), stopped, 5_000.0) == pytest.approx(SEMANTIC_STOPPED)
    assert ends([], Rhythm(), stopped, 5_000.0) is None
    assert 0 < SILENCE_STOPPED < SEMANTIC_STOPPED < CERTAIN
