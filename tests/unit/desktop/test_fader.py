"""The gain moves in straight lines, for 20 ms, and a duck runs out at its sample."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.desktop.fader import By, Fader
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


def test_the_deeper_of_two_ducks_counts_and_each_runs_out_by_itself() -> None:
    """The client's own of -20 dB, the server's of -6 dB half a second later: the one, then the other, then none."""
    fader = Fader()
    fader.duck(-20, By.HERE)
    first = fader.apply(loud(12_000))
    fader.duck(-6)
    rest = fader.apply(loud(24_000))
    assert first[-1] == 1_000
    assert rest[7_000] == 1_000
    assert abs(int(rest[7_200 + 480]) - 5_012) <= 1
    assert fader.ducked is False
    assert rest[-1] == LOUD


def test_a_verdict_ends_both_ducks() -> None:
    """Release undoes the client's own duck as well."""
    fader = Fader()
    fader.duck(-20, By.HERE)
    fader.duck(-20)
    fader.apply(loud(4_800))
    fader.release()
    assert not fader.ducked
    assert fader.apply(loud(480))[-1] == LOUD


def test_ducks_of_the_same_depth_make_one() -> None:
    """The server's word after the client's own: the gain stays where it is, for 800 ms more."""
    fader = Fader()
    fader.duck(-20, By.HERE)
    fader.apply(loud(9_600))
    fader.duck(-20)
    lowered = fader.apply(loud(19_200))
    assert set(lowered.tolist()) == {1_000}
