"""Alignment: which samples of the microphone reached the model, found by listening, without asking the ring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

MIC_HZ: Final = 16_000
MODEL_HZ: Final = 24_000
_PROBE_SAMPLES: Final = MIC_HZ * 4 // 10
_LONGEST_HOLE: Final = 3 * MIC_HZ
_CERTAIN: Final = 0.7
"""Normalised correlation above which a place is believed; room tone alone gives 0.9."""

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Place:
    """Where a turn's first sample stands on the microphone's clock, and how many samples are missing after it."""

    start: int
    missing: int


def locate(turn_pcm: bytes, mic_pcm: bytes) -> Place | None:
    """Find a turn as the model got it (PCM16 at 24 kHz) in what was sent (PCM16 at 16 kHz); None: it isn't there.

    Two pieces of 0.4 s are looked for, the loudest of either half. If they are further apart in what was sent than in
    what arrived, samples were lost in between.
    """
    turn = soxr.resample(_sound(turn_pcm), MODEL_HZ, MIC_HZ, "HQ").astype(np.float32)
    mic = _sound(mic_pcm)
    if len(mic) < _PROBE_SAMPLES:
        return None
    half = max(len(turn) // 2, min(len(turn), _PROBE_SAMPLES))
    first = _loudest(turn[:half])
    start = _find(turn[first : first + _PROBE_SAMPLES], mic)
    if start is None:
        return None
    begin = start - first
    if len(turn) - half < _PROBE_SAMPLES:
        return Place(begin, 0)
    second = half + _loudest(turn[half:])
    low = max(begin + second - _PROBE_SAMPLES, 0)
    again = _find(turn[second : second + _PROBE_SAMPLES], mic[low : begin + second + _LONGEST_HOLE])
    return None if again is None else Place(begin, max(low + again - second - begin, 0))


def _sound(pcm: bytes) -> Sound:
    return np.frombuffer(pcm, "<i2").astype(np.float32)


def _loudest(sound: Sound) -> int:
    """Return where the loudest probe begins."""
    if len(sound) <= _PROBE_SAMPLES:
        return 0
    energy = np.concatenate(([0.0], np.cumsum(sound.astype(np.float64) ** 2)))
    return int(np.argmax(energy[_PROBE_SAMPLES:] - energy[:-_PROBE_SAMPLES]))


def _find(probe: Sound, mic: Sound) -> int | None:
    """Return where the probe stands in the microphone's sound."""
    if not len(probe) or len(mic) < len(probe):
        return None
    size = 1 << (len(mic) + len(probe)).bit_length()
    spectrum = np.fft.rfft(mic, size) * np.conj(np.fft.rfft(probe, size))
    likeness = np.fft.irfft(spectrum, size)[: len(mic) - len(probe) + 1]
    energy = np.concatenate(([0.0], np.cumsum(mic.astype(np.float64) ** 2)))
    level = np.sqrt(np.maximum(energy[len(probe) :] - energy[: -len(probe)], 1.0))
    likeness = likeness / (level * max(float(np.linalg.norm(probe)), 1.0))
    best = int(np.argmax(likeness))
    return best if likeness[best] > _CERTAIN else None
