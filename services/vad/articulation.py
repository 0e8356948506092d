"""Articulation: a cheap cue that tells words from hums, breath and steady noise while the assistant speaks.

A word has consonants: hiss above 3 kHz ("stop", "wait a second"), bursts, and a spectrum that changes from syllable to
syllable. A hum ("mm-hmm") is voiced, lies below 1 kHz and stays as it is. Steady noise does not change either. The
cue is measured once per 20 ms frame with one short Fourier transform, and asked for over a span of the sample clock.
Numbers a handful at a time are Python's, not numpy's: an array of ten costs ten times as much as a list of ten.
It knows no words: it only says how a sound was made.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.vad.voice import SAMPLE_RATE_HZ, SAMPLES_PER_MS, samples_of

FRAME_MS = 20
FRAME_SAMPLES = FRAME_MS * SAMPLES_PER_MS
SPAN_SAMPLES = 512
"""What a frame's spectrum sees: its own 20 ms and the 12 ms before, enough for two periods of a deep voice."""

BAND_EDGES_HZ = (100, 300, 500, 750, 1000, 1500, 2000, 3000, 4500, 6000, 7500)
LOW_BANDS = slice(0, 4)  # 100–1000 Hz: voicing, nasals, hums
DULL_BANDS = slice(5, 8)  # 1.5–4.5 kHz: where "sh" and breath have their hiss
HIGH_BANDS = slice(7, 10)  # 3–7.5 kHz: fricatives and bursts
SHARP_BANDS = slice(8, 10)  # 4.5–7.5 kHz: where "s" has its hiss

PITCH_HZ = (70, 400)
VOICED_PERIODICITY = 0.5
LOUD_OVER_FLOOR_DB = 9.0
FLOOR_RISE_DB = 0.1  # per frame: 5 dB per second, slower than any word
FLOOR_RANGE_DB = (-75.0, -45.0)  # of full scale: what a quiet room and a noisy one leave in a microphone
HUM_HIGH_DB = -25.0
HUM_FLUX_DB = 3.0
HISS_SHARP_DB = 2.0


@dataclass(frozen=True)
class ArticulationEvidence:
    """How the sounds of a span were made. Only frames clearly above the noise floor count, but for `fade_db`."""

    loud_ms: int
    """How many milliseconds of such frames there were."""
    high_band_ms: int
    """How long 3–7.5 kHz outweighed 100–1000 Hz: fricatives and bursts."""
    hiss_ms: int
    """How much of that was as sharp as an "s"."""
    voiced_ms: int
    """How long there was a pitch."""
    flux_db: float
    """Mean change of the spectrum's shape from one frame to the next; talk 2.5–4, a steady hum under 1."""
    hum: float
    """Share (0…1) of the frames that are voiced, low and unchanging."""
    fade_db: float
    """How far the last frame lies under the loudest: 24 and more when the sound is dying away."""


class _Frame(NamedTuple):
    """The measurements of 20 ms; all but the level are zero unless it is loud."""

    end_sample: int
    level_db: float
    loud: bool
    high_db: float
    sharp_db: float
    periodicity: float
    flux_db: float


class Articulation:
    """The cue for one conversation; feed it every frame of the microphone in order."""

    def __init__(self, memory_ms: int = 3000) -> None:
        """Remember the last `memory_ms`; the clock starts at sample 0."""
        self._frames: deque[_Frame] = deque(maxlen=memory_ms // FRAME_MS)
        self._span = np.zeros(SPAN_SAMPLES, dtype=np.float32)
        self.reset()

    def reset(self, at_sample: int = 0) -> None:
        """Forget everything heard; the next frame begins at `at_sample` of the microphone's clock."""
        self._next_sample = at_sample
        self._frames.clear()
        self._span[:] = 0.0
        self._floor_db = FLOOR_RANGE_DB[1]
        self._bands: list[float] | None = None

    def feed(self, pcm: bytes) -> None:
        """Hear one frame of 20 ms (640 bytes, 16 kHz s16le). Raises `ValueError` for any other length."""
        samples = samples_of(pcm)
        if len(samples) != FRAME_SAMPLES:
            raise ValueError(f"a frame has {FRAME_SAMPLES} samples (20 ms at 16 kHz), not {len(samples)}")
        self._span[:-FRAME_SAMPLES] = self._span[FRAME_SAMPLES:]
        np.multiply(samples, np.float32(1 / 32768), out=self._span[-FRAME_SAMPLES:])
        self._next_sample += FRAME_SAMPLES
        self._frames.append(self._measure())

    def evidence(self, since_sample: int, until_sample: int) -> ArticulationEvidence:
        """Sum up the frames that end after `since_sample` and not after `until_sample`."""
        span = [frame for frame in self._frames if since_sample < frame.end_sample <= until_sample]
        frames = [frame for frame in span if frame.loud]
        voiced = [frame for frame in frames if frame.periodicity >= VOICED_PERIODICITY]
        hums = [frame for frame in voiced if frame.high_db < HUM_HIGH_DB and frame.flux_db < HUM_FLUX_DB]
        return ArticulationEvidence(
            loud_ms=FRAME_MS * len(frames),
            high_band_ms=FRAME_MS * sum(frame.high_db > 0.0 for frame in frames),
            hiss_ms=FRAME_MS * sum(frame.high_db > 0.0 and frame.sharp_db > HISS_SHARP_DB for frame in frames),
            voiced_ms=FRAME_MS * len(voiced),
            flux_db=sum(frame.flux_db for frame in frames) / len(frames) if frames else 0.0,
            hum=len(hums) / len(frames) if frames else 0.0,
            fade_db=max(frame.level_db for frame in span) - span[-1].level_db if span else 0.0,
        )

    def _measure(self) -> _Frame:
        """Measure the newest frame. Of one at the noise floor nobody asks more than its level."""
        spectrum = np.fft.rfft(self._span * _WINDOW)
        squares = np.square(spectrum.view(np.float32))  # real and imaginary parts in turn
        bands: list[float] = (np.add.reduceat(squares, _BAND_PARTS)[:-1] + np.float32(1e-9)).tolist()
        level_db = 10.0 * math.log10(sum(bands)) - _FULL_SCALE_DB
        before, self._bands = self._bands, bands
        if level_db <= self._follow_floor(level_db) + LOUD_OVER_FLOOR_DB:
            return _Frame(self._next_sample, level_db, False, 0.0, 0.0, 0.0, 0.0)
        high_db = _ratio_db(bands, HIGH_BANDS, LOW_BANDS)
        sharp_db = _ratio_db(bands, SHARP_BANDS, DULL_BANDS)
        periodicity = _periodicity(squares[0::2] + squares[1::2])
        return _Frame(self._next_sample, level_db, True, high_db, sharp_db, periodicity, _flux_db(before, bands))

    def _follow_floor(self, level_db: float) -> float:
        """Return the noise floor: it falls at once and rises slowly."""
        low, high = FLOOR_RANGE_DB
        self._floor_db = max(low, min(level_db, self._floor_db + FLOOR_RISE_DB, high))
        return self._floor_db


def _ratio_db(bands: list[float], these: slice, those: slice) -> float:
    return 10.0 * math.log10(sum(bands[these]) / sum(bands[those]))


def _shape_db(bands: list[float]) -> list[float]:
    """Return the bands in dB with their loudness taken out; 40 dB under the loudest is nothing."""
    least = max(bands) * 1e-4
    levels = [10.0 * math.log10(max(band, least)) for band in bands]
    mean = sum(levels) / len(levels)
    return [level - mean for level in levels]


def _flux_db(before: list[float] | None, bands: list[float]) -> float:
    """Return how much the spectrum's shape changed since the frame before."""
    if before is None:
        return 0.0
    return sum(abs(new - old) for new, old in zip(_shape_db(bands), _shape_db(before), strict=True)) / len(bands)


def _periodicity(power: NDArray[np.float32]) -> float:
    """Return the height of the autocorrelation's peak in the range of human pitch: 1 for a steady tone, 0 for noise."""
    correlation = np.fft.irfft(power)[: SPAN_SAMPLES // 2] / _WINDOW_CORRELATION
    if correlation[0] <= 1e-9:
        return 0.0
    shortest, longest = SAMPLE_RATE_HZ // PITCH_HZ[1], SAMPLE_RATE_HZ // PITCH_HZ[0]
    return float(correlation[shortest:longest].max() / correlation[0])


_WINDOW = np.hanning(SPAN_SAMPLES).astype(np.float32)
_WINDOW_CORRELATION = np.fft.irfft(np.abs(np.fft.rfft(_WINDOW)) ** 2)[: SPAN_SAMPLES // 2].astype(np.float32)
_BAND_PARTS = 2 * np.round(np.array(BAND_EDGES_HZ) * SPAN_SAMPLES / SAMPLE_RATE_HZ).astype(int)
_FULL_SCALE_DB = 10.0 * float(np.log10(np.square(_WINDOW).sum() * SPAN_SAMPLES / 4))
