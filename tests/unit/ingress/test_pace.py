"""Pace: a client may catch up after a hiccup, and drift a little; one that floods is told so."""

from __future__ import annotations

import pytest

from services.common.errors import LimitFault
from services.ingress.limits import Limits
from services.ingress.pace import Pace

LIMITS = Limits(max_messages_per_s=100, max_ahead_ms=5_000)


def speak(pace: Pace, frames: int, every_s: float) -> None:
    """Send so many frames of 20 ms."""
    for frame in range(frames):
        pace.audio(20, frame * every_s)


def report(pace: Pace, messages: int, every_s: float) -> None:
    """Send so many messages without audio."""
    for message in range(messages):
        pace.message(message * every_s)


def test_speech_as_fast_as_it_is_spoken_passes_for_hours() -> None:
    """Twenty milliseconds every twenty milliseconds, from a clock that is 1 % fast, for three hours."""
    pace = Pace(LIMITS, 0.0)
    for frame in range(3 * 3600 * 50):
        pace.message(frame * 0.0198)
        pace.audio(20, frame * 0.0198)


def test_a_hiccup_may_be_caught_up_with() -> None:
    """Four seconds that were held up come at once, and again a minute later."""
    pace = Pace(LIMITS, 0.0)
    for held_up_s in (4.0, 64.0):
        for _ in range(200):
            pace.message(held_up_s)
            pace.audio(20, held_up_s)


def test_a_hundred_times_too_fast_is_refused() -> None:
    """The fault names the limit and says what to do."""
    with pytest.raises(LimitFault, match="as fast as it is spoken") as caught:
        speak(Pace(LIMITS, 0.0), frames=10_000, every_s=0.0002)
    assert caught.value.limit == "audio_rate"


def test_a_flood_of_small_messages_is_refused() -> None:
    """More than the rate over ten seconds, however little each holds."""
    with pytest.raises(LimitFault, match="100 messages a second") as caught:
        report(Pace(LIMITS, 0.0), messages=10_000, every_s=0.002)
    assert caught.value.limit == "message_rate"
