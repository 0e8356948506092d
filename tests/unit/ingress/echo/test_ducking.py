"""The gain of the client's speaker, as docs/protocol.md obliges it: there within 20 ms, gone by itself after 800."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingress.echo.ducking import HOLD, RAMP, Ducking

FRAME = 320


def heard(ducking: Ducking, samples: int) -> list[float]:
    """Return the gain of each of the next samples, asked for frame by frame."""
    frames = [ducking.gains(FRAME) for _ in range(samples // FRAME)]
    return [float(gain) for frame in frames for gain in (np.ones(FRAME) if frame is None else frame)]


def test_nothing_is_done_where_nothing_was_said() -> None:
    """Most of the time there is no gain at all to be multiplied with."""
    assert Ducking().gains(FRAME) is None


def test_a_duck_is_there_within_20_ms_and_undoes_itself_after_800() -> None:
    """It goes down evenly, stays, and comes back; then there is nothing to do again."""
    ducking = Ducking()
    ducking.duck(-20.0)
    gains = heard(ducking, HOLD + 2 * RAMP)
    assert gains[RAMP - 1] == pytest.approx(0.1, abs=0.01)
    assert all(after <= before for before, after in pairwise(gains[:RAMP]))
    assert gains[RAMP : HOLD - 1] == pytest.approx([0.1] * (HOLD - 1 - RAMP), abs=0.001)
    assert gains[-1] == 1.0
    assert ducking.gains(FRAME) is None


def test_a_release_undoes_it_at_once() -> None:
    """Within 20 ms the speaker is as loud as before, and stays so."""
    ducking = Ducking()
    ducking.duck(-20.0)
    heard(ducking, 4 * FRAME)
    ducking.release()
    gains = heard(ducking, 4 * FRAME)
    assert gains[0] < 0.2
    assert gains[RAMP:] == [1.0] * (4 * FRAME - RAMP)


def test_a_second_duck_begins_its_800_ms_anew() -> None:
    """As the client has it: what counts is the last one."""
    ducking = Ducking()
    ducking.duck(-20.0)
    heard(ducking, 30 * FRAME)
    ducking.duck(-20.0)
    assert max(heard(ducking, HOLD // FRAME * FRAME)[:-FRAME]) == pytest.approx(0.1, abs=0.001)


@given(st.lists(st.tuples(st.sampled_from(["duck", "release", "wait"]), st.integers(1, 3_200)), max_size=30))
def test_the_gain_never_leaps_nor_leaves_its_bounds(steps: list[tuple[str, int]]) -> None:
    """Whatever is said when, it moves by one step a sample and stays between the duck's gain and 1."""
    ducking, last = Ducking(), 1.0
    for what, samples in steps:
        if what == "duck":
            ducking.duck(-20.0)
        elif what == "release":
            ducking.release()
        gains = ducking.gains(samples)
        wave = np.ones(samples) if gains is None else gains.astype(float)
        assert len(wave) == samples
        assert np.abs(np.diff(wave, prepend=last)).max() <= 0.9 / RAMP + 1e-5
        assert wave.min() >= 0.1 - 1e-5
        assert wave.max() <= 1.0
        last = float(wave[-1])
