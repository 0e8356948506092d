"""When the end-of-turn model is asked, and how long a pause its answer makes: seldom, and never for nothing."""

from __future__ import annotations

from itertools import pairwise

import pytest

from services.vad.endpointing import EndpointingSettings, Pause

MS = 16


def asked(pause: Pause, answer: float | None, until_ms: int = 3_000) -> list[int]:
    """Let a silence grow in windows of 32 ms, answering at once; return the lengths at which it asked."""
    found = []
    for silence_ms in range(32, until_ms, 32):
        if pause.feed(silence_ms * MS) is not None:
            found.append(silence_ms)
            pause.judged(pause.number, answer)
        if pause.is_over(silence_ms * MS):
            break
    return found


@pytest.mark.parametrize(
    ("complete", "expected"),
    [(0.95, [224]), (0.55, [224]), (0.35, [224]), (0.2, [224, 608]), (0.0, [224, 608]), (None, [224, 608])],
)
def test_a_pause_is_judged_once_or_twice(complete: float | None, expected: list[int]) -> None:
    """Not again when the turn is over by then or about to be; once more when it is held open or nobody answered."""
    assert asked(Pause(), complete) == expected


def test_speech_makes_it_another_pause() -> None:
    """After the person went on, the next pause has a number and a judgement of its own; a late answer is ignored."""
    pause = Pause()
    assert asked(pause, 0.0, 700) == [224, 608]
    before = pause.number
    pause.feed(0)
    pause.judged(before, 0.99)
    assert (pause.number, pause.complete) == (before + 1, None)
    assert asked(pause, 0.0, 700) == [224, 608]


def test_the_pause_shrinks_as_certainty_grows() -> None:
    """From the longest to the shortest, without a step in between."""
    settings = EndpointingSettings()
    pauses = [settings.pause_ms(share / 100) for share in range(101)]
    assert pauses == sorted(pauses, reverse=True)
    assert (pauses[0], pauses[30], pauses[-1]) == (2_500, 700, 250)
    assert max(before - after for before, after in pairwise(pauses)) < 100
