"""Synthetic sounds for the ear's tests: 16 kHz s16le, the same bytes every time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
FRAME_BYTES = 640

Signal = NDArray[np.float64]


def time_axis(seconds: float) -> Signal:
    """Return sample times in seconds."""
    return np.arange(round(seconds * RATE_HZ)) / RATE_HZ


def silence(seconds: float) -> Signal:
    """A quiet room: noise at about -72 dB of full scale."""
    return np.random.default_rng(1).normal(0.0, 0.00025, len(time_axis(seconds)))


def vowel(seconds: float, pitch_hz: float = 120.0, formants_hz: tuple[float, ...] = (700.0, 1200.0)) -> Signal:
    """A steady voiced sound: harmonics of a pitch, shaped by resonances and a spectral slope."""
    t = time_axis(seconds)
    total = np.zeros_like(t)
    for harmonic in np.arange(pitch_hz, 3900.0, pitch_hz):
        gain = sum(1.0 / (1.0 + ((harmonic - formant) / 90.0) ** 2) for formant in formants_hz)
        total += gain * np.sin(2 * np.pi * harmonic * t)
    return np.asarray(0.3 * total / np.abs(total).max())


def hum(seconds: float) -> Signal:
    """A closed-mouth "mmm": voiced, and hardly anything above 500 Hz."""
    t = time_axis(seconds)
    return np.asarray(0.3 * np.sin(2 * np.pi * 120 * t) + 0.1 * np.sin(2 * np.pi * 240 * t))


def hiss(seconds: float, low_hz: float = 5000.0, high_hz: float = 7400.0) -> Signal:
    """Noise within a band; the default is as sharp as an "s"."""
    count = len(time_axis(seconds))
    spectrum = np.fft.rfft(np.random.default_rng(2).normal(0.0, 1.0, count))
    frequencies = np.fft.rfftfreq(count, 1 / RATE_HZ)
    spectrum[(frequencies < low_hz) | (frequencies > high_hz)] = 0.0
    noise = np.fft.irfft(spectrum, count)
    return np.asarray(0.1 * noise / np.abs(noise).max())


def pcm(*parts: Signal) -> bytes:
    """Join sounds and return them as s16le, cut to whole frames of 20 ms."""
    samples = np.clip(np.concatenate(parts) * 32767, -32768, 32767).astype("<i2").tobytes()
    return samples[: len(samples) // FRAME_BYTES * FRAME_BYTES]


def frames(audio: bytes) -> list[bytes]:
    """Cut audio into frames of 20 ms."""
    return [audio[start : start + FRAME_BYTES] for start in range(0, len(audio), FRAME_BYTES)]
