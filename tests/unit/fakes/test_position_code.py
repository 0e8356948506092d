"""The position code: what is cut, joined, lowered and faded must be read back exactly."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.fakes.position_code import RATE_HZ, PositionDecoder, Run, track_pcm

TRACKS = {1: 30_000, 2: 70_000, 7: 4_000}
DECODER = PositionDecoder(TRACKS)
SEAM_TOLERANCE = 2  # samples: where two runs touch, one sample in a thousand fits both


@dataclass(frozen=True)
class Piece:
    """What a test plays: a slice of a track at a gain, after some silence."""

    track: int
    start: int
    samples: int
    gain: float
    silence_before: int

    def sound(self) -> NDArray[np.int16]:
        """The samples as a client would play them."""
        sound = np.frombuffer(track_pcm(self.track, self.samples, self.start), dtype="<i2")
        return np.concatenate([np.zeros(self.silence_before, "<i2"), np.rint(sound * self.gain).astype("<i2")])


@st.composite
def pieces(draw: st.DrawFn) -> Piece:
    """Slices from 4 to 100 ms."""
    track = draw(st.sampled_from(sorted(TRACKS)))
    samples = draw(st.integers(100, 2_400))
    start = draw(st.integers(0, TRACKS[track] - samples))
    return Piece(track, start, samples, draw(st.sampled_from([1.0, 0.5, 0.1])), draw(st.integers(0, 700)))


def play(script: list[Piece]) -> bytes:
    """Concatenate the pieces into a recording."""
    return b"".join(piece.sound().tobytes() for piece in script)


@given(st.lists(pieces(), max_size=6))
@settings(deadline=None, max_examples=60)
def test_slices_between_silences_are_read_back_exactly(script: list[Piece]) -> None:
    """Any slices at any gains, apart by at least a sample of silence, come back to the sample."""
    script = [Piece(p.track, p.start, p.samples, p.gain, p.silence_before + 1) for p in script]
    runs = DECODER.decode(play(script))

    at = 0
    for piece, run in zip(script, runs, strict=True):
        at += piece.silence_before
        assert (run.track, run.start_position, run.samples) == (piece.track, piece.start, piece.samples)
        assert run.at_sample == at
        assert run.gain_db == pytest.approx(20 * np.log10(piece.gain), abs=0.1)
        at += piece.samples
    assert runs.unknown_samples == 0


@given(st.lists(pieces(), min_size=2, max_size=6))
@settings(deadline=None, max_examples=60)
def test_slices_that_touch_are_told_apart(script: list[Piece]) -> None:
    """Slices played without a pause keep their exact offset; their seams are right within two samples."""
    script = [Piece(p.track, p.start, p.samples, p.gain, 0) for p in script]
    script = [a for a, b in pairwise([*script, script[0]]) if (a.track, a.start + a.samples) != (b.track, b.start)]
    runs = DECODER.decode(play(script))

    at = 0
    for piece, run in zip(script, runs, strict=True):
        assert (run.track, run.start_position - run.at_sample) == (piece.track, piece.start - at)
        assert run.at_sample == pytest.approx(at, abs=SEAM_TOLERANCE)
        at += piece.samples
        assert run.end_sample == pytest.approx(at, abs=SEAM_TOLERANCE)
    assert runs.unknown_samples <= SEAM_TOLERANCE * len(script)


def test_a_duck_with_fades_is_one_run_and_its_level_can_be_followed() -> None:
    """A reply ducked by 20 dB over 5 ms and released again is one run; `gains_db` shows the dip."""
    gain = np.interp(np.arange(9_600), [2_400, 2_520, 7_200, 7_320], [1.0, 0.1, 0.1, 1.0])
    sound = np.frombuffer(track_pcm(1, 9_600, 100), dtype="<i2")
    recording = np.rint(sound * gain).astype("<i2").tobytes()

    (run,) = runs = DECODER.decode(recording)

    assert (run.start_position, run.samples, runs.unknown_samples) == (100, 9_600, 0)
    levels = DECODER.gains_db(recording, run)
    assert levels[:20] == pytest.approx(np.zeros(20), abs=0.1)
    assert levels[22:60] == pytest.approx(np.full(38, -20.0), abs=0.1)
    assert levels[-18:] == pytest.approx(np.zeros(18), abs=0.1)


def test_fading_in_and_out_loses_only_the_samples_that_round_to_zero() -> None:
    """5 ms fades from and to nothing keep the position of every sample that is audible."""
    gain = np.interp(np.arange(4_800), [0, 120, 4_680, 4_800], [0.0, 1.0, 1.0, 0.0])
    sound = np.frombuffer(track_pcm(2, 4_800, 48_000), dtype="<i2")

    (run,) = DECODER.decode(np.rint(sound * gain).astype("<i2").tobytes())

    assert (run.start_position, run.at_sample, run.samples) == (48_001, 1, 4_799)


def test_unknown_sound_is_counted_and_not_taken_for_a_track() -> None:
    """Noise around a slice belongs to no run; it is counted, give or take a sample at each seam."""
    noise = np.random.default_rng(5).integers(1, 9_000, 6_000).astype("<i2").tobytes()
    recording = noise + track_pcm(1, 2_000, 500) + bytes(200) + noise

    (run,) = runs = DECODER.decode(recording)

    assert run.start_position == pytest.approx(500, abs=SEAM_TOLERANCE)
    assert (run.end_position, run.start_position - run.at_sample) == (2_500, 500 - 6_000)
    assert runs.unknown_samples == 12_000 - (500 - run.start_position)


def test_repeats_and_skips_within_a_track_are_seen() -> None:
    """A frame played twice and a frame left out each break the run at the right position."""
    frame = 480
    order = [0, 1, 1, 2, 4, 5]
    recording = b"".join(track_pcm(2, frame, frame * index) for index in order)

    runs = DECODER.decode(recording)

    starts = [run.start_position - run.at_sample for run in runs]
    assert starts == [0, -frame, 0]
    assert sum(run.samples for run in runs) == frame * len(order)


def test_nothing_is_found_in_nothing() -> None:
    """Empty, silent and too short recordings give no run, and so does a decoder without tracks."""
    assert DECODER.decode(b"") == []
    assert DECODER.decode(bytes(RATE_HZ)) == []
    short = DECODER.decode(track_pcm(1, 63))
    assert (short, short.unknown_samples) == ([], 63)
    assert PositionDecoder({}).decode(track_pcm(1, 1_000)) == []
    assert PositionDecoder({3: 10}).decode(track_pcm(3, 1_000)) == []


@given(st.integers(0, 140_000), st.integers(0, 70_000))
@settings(deadline=None, max_examples=30)
def test_a_position_has_one_value(start: int, samples: int) -> None:
    """A sample does not depend on where the piece that holds it begins or ends."""
    whole = track_pcm(4, 210_000)
    assert track_pcm(4, samples, start) == whole[2 * start : 2 * (start + samples)]


def test_negative_places_are_refused() -> None:
    """A negative argument is an error that names the values."""
    with pytest.raises(ValueError, match="must not be negative: 1, 5, -3"):
        track_pcm(1, 5, -3)


def test_a_run_knows_its_ends() -> None:
    """The ends are exclusive, in the track and in the recording."""
    run = Run(track=1, start_position=10, samples=5, at_sample=100, gain_db=0.0)
    assert (run.end_position, run.end_sample) == (15, 105)
