"""What is read off a client's sound: when it fell silent, when it came back, and where it has gaps."""

from __future__ import annotations

import numpy as np
import pytest

from tests.clients.sound_track import HZ, SoundTrack, gaps_in, is_whole, quantile
from tests.fakes.position_code import Run

LOUD = np.full(480, 1000, np.int16).tobytes()
SILENT = bytes(960)


def track(*frames: bytes) -> SoundTrack:
    """Return frames, one each 20 ms from 10.0 s on."""
    whole = SoundTrack()
    for number, frame in enumerate(frames):
        whole.add(10.0 + number * 0.02, frame)
    return whole


def test_silence_begins_after_the_last_sample_that_sounds() -> None:
    """A fade of 5 ms into the next frame counts."""
    faded = LOUD[:240] + bytes(720)
    assert track(LOUD, LOUD, faded, SILENT, SILENT).silent_after_s(10.03) == pytest.approx(0.015)


def test_what_is_silent_already_takes_no_time() -> None:
    """And sound before the decision does not count."""
    assert track(LOUD, SILENT, SILENT, SILENT).silent_after_s(10.03) == 0


def test_sound_after_the_next_words_is_another_reply() -> None:
    """It may begin soon after they were typed."""
    assert track(LOUD, LOUD, SILENT, SILENT, LOUD).silent_after_s(10.01, 10.06) == pytest.approx(0.03)


def test_a_gap_is_no_silence() -> None:
    """Who is cut off from the network at the decision, and goes on afterwards, was not silent."""
    assert track(LOUD, SILENT, SILENT, LOUD, SILENT).silent_after_s(10.03) == pytest.approx(0.05)


def test_a_track_that_ends_early_tells_nothing() -> None:
    """The recording of a client that died is not silence."""
    assert track(LOUD, LOUD).silent_after_s(10.05) is None
    assert SoundTrack().silent_after_s(10.0) is None


def test_the_return_of_sound() -> None:
    """To the sample; None where there is none."""
    back = bytes(480) + LOUD[:480]
    assert track(LOUD, SILENT, back).sounds_again_after_s(10.02) == pytest.approx(0.03)
    assert track(LOUD, SILENT).sounds_again_after_s(10.02) is None


def test_gaps_are_nothing_at_all_between_what_sounds() -> None:
    """What is before the reply and after it is none, nor is a moment at which the signal happens to be 0."""
    assert gaps_in(SILENT + LOUD + bytes(2 * 119) + LOUD + SILENT) == (2 * len(LOUD) // 2 + 119, 0)
    assert gaps_in(LOUD + bytes(2 * 120) + LOUD + SILENT + LOUD) == (3 * len(LOUD) // 2, 120 + len(SILENT) // 2)
    assert gaps_in(SILENT) == gaps_in(b"") == (0, 0)


def test_a_whole_reply_is_all_of_its_samples() -> None:
    """Each once."""
    runs = [Run(1, 0, 4800, 100, 0.0), Run(1, 4800, 4800, 5380, 0.0), Run(1, 9600, 400, 10180, 0.0)]
    assert is_whole(runs, 10_000)
    assert not is_whole(runs, 10_001)
    assert not is_whole([*runs[:1], runs[2]], 10_000)


def test_percentiles_are_measured_values() -> None:
    """The 99th of a hundred is the 99th."""
    assert quantile([float(n) for n in range(1, 101)], 0.99) == 99
    assert quantile([3.0], 0.5) == 3
    assert HZ == 24_000
