"""The resampler: in place to the sample, late by half a filter, flat where speech is, deaf where it would fold."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.resampler import PASSED, Resampler
from tests.unit.ingress.frames import Samples, samples_of

PAIRS = [
    *((rate, 16_000) for rate in (8_000, 24_000, 44_100, 48_000)),
    *((24_000, rate) for rate in (8_000, 16_000, 44_100, 48_000)),
]
by_pair = pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)


def tone(hz: float, rate_hz: int, samples: int, amplitude: float = 8_000) -> Samples:
    """Return a sine."""
    wave: Samples = np.rint(amplitude * np.sin(2 * np.pi * hz * np.arange(samples) / rate_hz)).astype(np.int16)
    return wave


def resampled(signal: Samples, from_hz: int, to_hz: int) -> Samples:
    """Return a whole signal at another rate."""
    resampler = Resampler(from_hz, to_hz)
    return samples_of(resampler.feed(signal.astype("<i2").tobytes()) + resampler.finish())


@by_pair
def test_a_tone_stays_itself(from_hz: int, to_hz: int) -> None:
    """Up to 85 % of the lower band a tone comes out with its level and phase: 55 dB above whatever else there is."""
    for share in (0.05, 0.4, PASSED):
        hz = share * min(from_hz, to_hz) / 2
        sound = resampled(tone(hz, from_hz, from_hz // 2), from_hz, to_hz)
        wanted = tone(hz, to_hz, len(sound))
        inner = slice(to_hz // 50, -to_hz // 50)
        error = (sound[inner].astype(float) - wanted[inner]).std()
        assert error < wanted.std() * 10 ** (-55 / 20)


@by_pair
def test_what_would_fold_is_gone(from_hz: int, to_hz: int) -> None:
    """A tone above half the new rate (or the mirror of one below half the old) is 55 dB down."""
    if to_hz < from_hz:
        sound = resampled(tone(1.05 * to_hz / 2, from_hz, from_hz // 2), from_hz, to_hz)
        assert sound[to_hz // 50 : -to_hz // 50].std() < 8_000 / np.sqrt(2) * 10 ** (-55 / 20)
    else:
        sound = resampled(tone(0.6 * from_hz / 2, from_hz, from_hz // 2), from_hz, to_hz)
        inner = sound[to_hz // 50 : -to_hz // 50].astype(float) * np.hanning(len(sound) - 2 * (to_hz // 50))
        spectrum = np.abs(np.fft.rfft(inner))
        mirror = int(0.5 * from_hz / to_hz * len(inner))
        assert spectrum[mirror:].max() < spectrum.max() * 10 ** (-55 / 20)


@by_pair
def test_it_agrees_with_soxr(from_hz: int, to_hz: int) -> None:
    """Noise within the passed band comes out as soxr's best quality gives it, sample by sample: 45 dB apart."""
    rough = np.random.default_rng(1).standard_normal(from_hz // 2 + from_hz // 2 % 2)
    spectrum = np.fft.rfft(rough)
    spectrum[np.fft.rfftfreq(len(rough), 1 / from_hz) > PASSED * min(from_hz, to_hz) / 2] = 0
    noise = (np.fft.irfft(spectrum) * 5_000).astype(np.int16)
    ours, theirs = resampled(noise, from_hz, to_hz), soxr.resample(noise, from_hz, to_hz, quality="VHQ")
    inner = slice(to_hz // 20, -to_hz // 20)
    assert abs(len(ours) - len(theirs)) <= 1
    difference = ours[: len(theirs)][inner].astype(float) - theirs[: len(ours)][inner]
    assert difference.std() < theirs.std() * 10 ** (-45 / 20)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PAIRS), st.lists(st.integers(0, 3_000), max_size=12), st.integers(0, 5_000))
def test_pieces_of_any_size_give_the_same_as_the_whole(pair: tuple[int, int], sizes: list[int], start: int) -> None:
    """However a stream is cut and wherever it begins: same samples, exact count, never later than half a filter."""
    from_hz, to_hz = pair
    signal = (np.random.default_rng(2).standard_normal(sum(sizes)) * 5_000).astype("<i2")
    whole = Resampler(from_hz, to_hz, start)
    expected = whole.feed(signal.tobytes()) + whole.finish()
    resampler, out, at = Resampler(from_hz, to_hz, start), b"", 0
    first = resampler.position
    for size in sizes:
        out += resampler.feed(signal[at : at + size].tobytes())
        at += size
        assert resampler.position == first + len(out) // 2
        held_back = (start + at) / from_hz - resampler.position / to_hz
        assert held_back <= resampler.hold_back / from_hz + 1 / to_hz
        assert resampler._tail.size <= 1_200, "what is kept is bounded"
    out += resampler.finish()
    assert first == -(-start * to_hz // from_hz)
    assert len(out) // 2 == max((start + at) * to_hz // from_hz - first, 0)
    assert np.abs(samples_of(out).astype(int) - samples_of(expected)).max(initial=0) <= 1, "but for the last rounding"


@by_pair
def test_it_holds_back_little(from_hz: int, to_hz: int) -> None:
    """At most 3.2 ms, at every rate."""
    assert Resampler(from_hz, to_hz).hold_back / from_hz <= 0.0032


def test_loud_samples_are_clipped() -> None:
    """Ringing beyond full scale stops there; it does not wrap round."""
    square = np.where(np.arange(4_800) % 48 < 24, 32_767, -32_768).astype(np.int16)
    sound = resampled(square, 48_000, 16_000)
    assert sound.max() == 32_767
    assert sound.min() == -32_768
    assert np.all(np.sign(sound[4:8]) == 1)
