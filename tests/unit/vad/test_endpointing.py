"""When the end-of-turn model is asked, and how long a pause its answer makes: seldom, and never for nothing."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.vad.completeness import Context, log_odds
from services.vad.endpointing import EndpointingSettings, Pause
from services.vad.rhythm import Rhythm

MS = 16
WINDOW_MS = 32
PATIENCES = [EndpointingSettings.calm(), EndpointingSettings.normal(), EndpointingSettings.eager()]


def asked(pause: Pause, answer: float | None, until_ms: int = 4_000) -> tuple[list[int], int | None]:
    """Let a silence grow in windows, answering at once; return the lengths at which it asked, and when it was over."""
    found = []
    for silence_ms in range(WINDOW_MS, until_ms, WINDOW_MS):
        if pause.feed(silence_ms * MS, 2_000 * MS) is not None:
            found.append(silence_ms)
            pause.judged(pause.number, answer)
        if pause.is_over(silence_ms * MS):
            return found, silence_ms
    return found, None


@pytest.mark.parametrize("settings", PATIENCES)
@pytest.mark.parametrize("answer", [0.99, 0.8, 0.5, 0.2, 0.01, None])
def test_a_pause_is_judged_twice_at_most(settings: EndpointingSettings, answer: float | None) -> None:
    """Not again when the turn is over by then or about to be; and in the end it is over, whatever was said."""
    asked_ms, over_ms = asked(Pause(settings), answer)
    assert over_ms is not None
    assert settings.min_pause_ms <= over_ms <= settings.max_pause_ms + WINDOW_MS
    assert 1 <= len(asked_ms) <= 2
    if len(asked_ms) == 2:
        assert over_ms > asked_ms[1]


def test_patience_has_its_promises() -> None:
    """Calm never ends a turn before half a second; eager may at 200 ms; between them lies what ships."""
    overs = [[asked(Pause(settings), answer)[1] or 0 for settings in PATIENCES] for answer in (0.999, 0.7, 0.3, 0.001)]
    for calm, normal, eager in overs:
        assert calm >= 500
        assert calm > normal > eager >= 200
    assert overs[0][2] <= 200 + WINDOW_MS


def test_speech_makes_it_another_pause() -> None:
    """After the person went on, the next pause has a number and a judgement of its own; a late answer is ignored."""
    pause = Pause()
    first, _ = asked(pause, 0.0, 900)
    before = pause.number
    pause.feed(0)
    pause.judged(before, 0.99)
    assert (pause.number, pause.complete) == (before + 1, None)
    assert asked(pause, 0.0, 900)[0] == first


def test_pauses_teach_patience() -> None:
    """The same answer ends the turn of somebody who has gone on after three pauses later, in this turn and the next."""
    rhythm = Rhythm()
    pause = Pause(rhythm=rhythm)
    _, before_ms = asked(pause, 0.8)
    for _ in range(3):
        asked(pause, 0.0, 700)
        pause.feed(0)
    assert rhythm.ends < 0.0
    for later in (pause, Pause(rhythm=rhythm)):
        _, after_ms = asked(later, 0.8)
        assert before_ms is not None
        assert after_ms is not None
        assert after_ms > before_ms + 200


def test_what_is_learned_later_counts_at_once() -> None:
    """Words that come while a pause lasts change how long it may."""
    pause = Pause()
    asked(pause, 0.6, 400)
    before_ms = pause.pause_ms
    pause.context = Context(words="I'd like a coffee and")
    assert pause.pause_ms > before_ms


def test_the_pause_shrinks_as_certainty_grows() -> None:
    """From the longest to the shortest, without a step in between."""
    for settings in PATIENCES:
        pauses = [settings.pause_ms(log_odds(share / 1000)) for share in range(1001)]
        assert pauses == sorted(pauses, reverse=True)
        assert (pauses[0], pauses[-1]) == (settings.max_pause_ms, settings.min_pause_ms)
        middle = pauses[50:951]
        assert max(before - after for before, after in pairwise(middle)) < 20


def test_what_never_breathes_is_no_talk() -> None:
    """Hold music, or a room full of people, can hold a turn open for 20 s; a story with breaths for a minute."""
    settings = EndpointingSettings()
    music, story = Pause(settings), Pause(settings)
    for number in range(settings.max_breathless_ms // WINDOW_MS + 1):
        music.feed(0)
        story.feed(100 * MS if number % 100 == 0 else 0)
    assert music.is_endless(0)
    assert not story.is_endless(59_000 * MS)
    assert story.is_endless(60_001 * MS)


@given(
    st.lists(st.integers(0, 3_000), max_size=40),
    st.lists(st.none() | st.floats(0, 1, allow_subnormal=False), max_size=10),
)
def test_whatever_comes_it_is_over_after_the_longest_pause(silences_ms: list[int], answers: list[float | None]) -> None:
    """No order of silences and answers, late ones too, makes it wait for ever or end before the shortest pause."""
    pause = Pause()
    for silence_ms in silences_ms:
        ask = pause.feed(silence_ms * MS)
        if ask is not None and answers:
            pause.judged(ask.pause, answers.pop())
        assert not (pause.is_over(silence_ms * MS) and silence_ms < pause.settings.min_pause_ms)
    pause.feed(3_000 * MS)
    assert pause.is_over(3_000 * MS)


def test_a_question_left_out_is_made_good_when_the_first_answer_comes_late() -> None:
    """On a busy machine nothing is known at 680 ms and the turn is about to end; then it is told that it does not."""
    pause = Pause()
    found = []
    for silence_ms in range(WINDOW_MS, 1_500, WINDOW_MS):
        if pause.feed(silence_ms * MS, 2_000 * MS) is not None:
            found.append(silence_ms)
        if silence_ms == 23 * WINDOW_MS:
            pause.judged(pause.number, 0.1)
    first, second = found
    assert first < 320
    assert 23 * WINDOW_MS < second <= 25 * WINDOW_MS
