"""The delay of an echo, heard in the sound itself."""

from __future__ import annotations

import numpy as np
import pytest

from services.ingress.echo.delay import DelayFinder
from tests.unit.ingress.echo.living_room import FRAME, MS, STORY, Floats, room, words


def found(near: Floats, far: Floats) -> set[int]:
    """Return every delay that was found, in ms."""
    finder = DelayFinder()
    left, right = (np.rint(wave * 32_768).astype(np.int16) for wave in (near, far))
    delays = set()
    for clock in range(0, len(left) - FRAME + 1, FRAME):
        delay = finder.feed(left[clock : clock + FRAME], right[clock : clock + FRAME])
        if delay is not None:
            delays.add(round(delay / MS))
    return delays


@pytest.mark.parametrize("late_ms", [-450, -200, -20, 0, 35, 200, 450])
def test_it_is_found_in_either_direction(late_ms: int) -> None:
    """In a room with reverberation, within 5 ms (3 of them are the air's)."""
    far = words(STORY)
    delays = found(np.roll(room(far), late_ms * MS), far)
    assert delays
    assert all(0 <= delay - late_ms <= 5 for delay in delays)


def test_it_is_found_under_a_person() -> None:
    """Who speaks all the time, 12 dB louder than the echo."""
    far = words(STORY)
    person = words("I wanted to ask you something else entirely, and I go on and on about it. " * 3, voice="en-us+m3")
    person = np.resize(person, len(far))
    delays = found(np.roll(room(far), 100 * MS) + person, far)
    assert delays
    assert all(0 <= delay - 100 <= 5 for delay in delays)


def test_nothing_is_found_where_nothing_is() -> None:
    """A person who speaks while something else is played is no echo of it; nor is noise."""
    far = words(STORY)
    person = words("I wanted to ask you something else entirely, and I go on and on about it. " * 3, voice="en-us+m3")
    noise = np.random.default_rng(1).standard_normal(len(far)) * 0.02
    assert found(np.resize(person, len(far)), far) == set()
    assert found(noise, far) == set()
