"""A person's rhythm: what pauses so far say of the next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.vad.rhythm import Rhythm

KINDS = ["went on", "ended", "taken back"]


def heard(*pauses: str) -> Rhythm:
    """Return the rhythm of these pauses."""
    rhythm = Rhythm()
    for kind in pauses:
        match kind:
            case "went on":
                rhythm.went_on()
            case "ended":
                rhythm.ended()
            case "taken back":
                rhythm.taken_back()
    return rhythm


def test_nothing_heard_says_nothing() -> None:
    """A stranger is as likely to be done as anybody."""
    assert Rhythm().ends == 0.0


def test_who_thinks_aloud_is_given_time() -> None:
    """Every pause that was none makes the next end less likely."""
    odds = [heard(*["went on"] * count).ends for count in range(5)]
    assert odds == sorted(odds, reverse=True)
    assert odds[1] < -0.5


def test_who_answers_in_one_breath_is_answered_sooner() -> None:
    """Turns that ended at their first pause make the next end more likely."""
    assert heard("ended", "ended").ends > 0.5


def test_an_end_taken_back_was_a_pause() -> None:
    """Cutting somebody off must teach patience, not haste."""
    assert heard("ended", "taken back").ends < 0.0


def test_what_is_long_ago_fades() -> None:
    """After a while of short answers the story told before no longer counts."""
    assert heard(*["went on"] * 10, *["ended"] * 20).ends > 0.0


@given(st.lists(st.sampled_from(KINDS), max_size=60))
def test_no_life_story_makes_it_certain(pauses: list[str]) -> None:
    """Whatever was heard, no pause is sure to be either."""
    assert -3.5 < heard(*pauses).ends < 3.5
