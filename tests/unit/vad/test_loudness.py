"""Loudness: what counts as the person's voice, and what as the room or the assistant's echo."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.vad.loudness import FLOOR_RANGE_DB, Loudness
from tests.unit.vad.signals import frames, hiss, pcm, vowel


def heard(loudness: Loudness, gain_db: float, seconds: float = 1.0, *, person: bool = False) -> None:
    """Let it hear a voice so loud."""
    for frame in frames(pcm(vowel(seconds) * 10 ** (gain_db / 20))):
        loudness.feed(frame)
        if person:
            loudness.spoke()


def test_the_floor_falls_at_once_and_rises_slowly() -> None:
    """A quiet moment shows the room; noise that begins is believed after seconds only."""
    loudness = Loudness()
    loudness.feed(bytes(640))
    assert loudness.floor_db == FLOOR_RANGE_DB[0]
    for frame in frames(pcm(hiss(1.0) * 0.1)):
        loudness.feed(frame)
    assert FLOOR_RANGE_DB[0] < loudness.floor_db <= FLOOR_RANGE_DB[0] + 5.1


def test_before_the_person_spoke_a_soft_person_is_assumed() -> None:
    """A greeting can be interrupted by whoever is no softer than a soft person, and clear of the room."""
    loudness = Loudness()
    loudness.feed(bytes(640))
    assert loudness.needed_db() == -36 - 18
    loudness.floor_db = -45.0
    assert loudness.needed_db() == -40


def test_after_that_a_voice_far_below_theirs_does_not_count() -> None:
    """The person's own level is learnt within a second, and sets the bar 18 dB under it."""
    loudness = Loudness()
    loudness.feed(bytes(640))
    heard(loudness, 0.0, person=True)
    assert loudness.person_db is not None
    assert loudness.needed_db() == loudness.person_db - 18
    before_db = loudness.person_db
    heard(loudness, -20.0, 4.0, person=True)
    assert before_db - loudness.person_db > 15, "a person who moves away is learnt anew"


def test_a_soft_voice_that_is_always_there_is_learnt_as_echo() -> None:
    """Echo 15 dB under the person passes the first bar, and raises it above itself within seconds."""
    loudness = Loudness()
    heard(loudness, 0.0, person=True)
    person_db = loudness.person_db
    assert person_db is not None
    for _ in range(100):
        heard(loudness, -15.0, 0.04)
        loudness.overhear()
    assert loudness.level_db < loudness.needed_db() <= person_db - 8


@given(st.lists(st.integers(-60, 0), min_size=1, max_size=200))
def test_whatever_is_overheard_the_person_still_counts(levels_db: list[int]) -> None:
    """No echo, and no person talking along, ever raises the bar to the person's own level."""
    loudness = Loudness()
    loudness.feed(bytes(640))
    loudness.person_db = -25.0
    for level_db in levels_db:
        loudness.level_db = level_db
        loudness.overhear()
    assert loudness.needed_db() <= -25.0 - 8


def test_in_the_first_second_of_a_reply_a_murmur_is_echo() -> None:
    """Whoever has just asked listens: what is softer than they were is learnt; then the bar falls again."""
    loudness = Loudness()
    loudness.feed(bytes(640))
    heard(loudness, 0.0, person=True)
    assert loudness.person_db is not None
    loudness.reply_begins()
    assert loudness.needed_db() == loudness.person_db - 8
    for _ in range(50):
        loudness.feed(bytes(640))
    assert loudness.needed_db() == loudness.person_db - 18
