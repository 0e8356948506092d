"""The gain moves in straight lines, for 20 ms, and a duck runs out at its sample."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.desktop.fader import Fader
from clients.desktop.sound import Samples

LOUD = 10_000


def loud(samples: int) -> Samples:
    """Return a constant: what comes out shows the gain."""
    return np.full(samples, LOUD, np.int16)


def test_full_level_passes_untouched() -> None:
    """Without a duck the very samples come out."""
    block = loud(480)
    assert Fader().apply(block) is block


@settings(deadline=None)
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=40))
def test_gain_depends_on_time_not_on_slicing(sizes: list[int]) -> None:
    """A duck that runs out sounds the same in blocks of any size."""
    whole, sliced = Fader(), Fader()
    whole.duck(-20)
    sliced.duck(-20)
    expected = whole.apply(loud(sum(sizes)))
    got = np.concatenate([sliced.apply(loud(size)) for size in sizes])
    assert np.max(np.abs(expected.astype(int) - got)) <= 1


def test_no_step_is_larger_than_a_ramp_allows() -> None:
    """Duck, release in mid-ramp and duck again: the gain never jumps, so nothing clicks."""
    fader = Fader()
    fader.duck(-40)
    parts = [fader.apply(loud(200))]
    fader.release()
    parts.append(fader.apply(loud(100)))
    fader.duck(-20)
    parts.append(fader.apply(loud(30_000)))
    assert np.max(np.abs(np.diff(np.concatenate(parts).astype(int)))) <= LOUD // 480 + 2


def test_gain_above_0_db_lowers_nothing() -> None:
    """A server can't make the client louder than the model."""
    fader = Fader()
    fader.duck(+20)
    assert np.array_equal(fader.apply(loud(960)), loud(960))
