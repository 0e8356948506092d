"""Sound: reading recordings, and making them sound like other rooms, microphones and lines."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from services.vad.voice import SAMPLE_RATE_HZ

Samples: TypeAlias = NDArray[np.int16]
Floats: TypeAlias = NDArray[np.float64]

_FRAME: Final = 320


def read(path: Path) -> Samples:
    """Return a recording at 16 kHz, its channels mixed. Raises `SystemExit` with clear words for what is none."""
    try:
        sound, rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise SystemExit(f"{path} cannot be read: {error}") from error
    return _pcm(soxr.resample(sound.mean(axis=1), rate_hz, SAMPLE_RATE_HZ) * 32768.0)


def room_tone(samples: Samples, count: int, dice: np.random.Generator) -> Samples:
    """Return `count` samples of the room alone: the quietest twentieth of a recording, shuffled and cross-faded."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64)
    quiet = frames[np.argsort(np.square(frames).mean(axis=1))[: max(len(frames) // 20, 5)]]
    tone = np.zeros(count + 2 * _FRAME)
    for start in range(0, count + _FRAME, _FRAME // 2):
        tone[start : start + _FRAME] += (
            quiet[dice.integers(len(quiet))] * np.hanning(_FRAME) * dice.choice([-1.15, 1.15])
        )
    return _pcm(tone[:count])


def other_speed(samples: Samples, dice: np.random.Generator) -> Samples:
    """Speak up to an eighth slower or faster, and lower or higher with it."""
    return _pcm(soxr.resample(samples.astype(np.float64), SAMPLE_RATE_HZ * dice.uniform(0.88, 1.15), SAMPLE_RATE_HZ))


def other_place(samples: Samples, dice: np.random.Generator) -> Samples:
    """Make it louder or quieter; often noisy (10 to 45 dB), sometimes by telephone or in an echoing room."""
    sound = samples * 10.0 ** (dice.uniform(-12, 6) / 20)
    if dice.random() < 0.6:
        slope = dice.choice([0.0, 0.5, 0.5, 1.0])
        spectrum = np.fft.rfft(dice.standard_normal(len(sound)))
        noise = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 1.0) ** slope, len(sound))
        level = (np.sqrt(np.square(sound).mean()) + 1.0) * 10.0 ** (-dice.uniform(10, 45) / 20)
        sound = sound + noise / np.sqrt(np.square(noise).mean()) * level
    if dice.random() < 0.3:
        spectrum, hz = np.fft.rfft(sound), np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ)
        low = (hz / 250.0) ** 4
        sound = np.fft.irfft(spectrum / (1.0 + (hz / 3600.0) ** 16) * low / (1.0 + low), len(sound))
    if dice.random() < 0.3:
        sound = _echo(sound, dice)
    return _pcm(sound)


def _echo(sound: Floats, dice: np.random.Generator) -> Floats:
    count = int(SAMPLE_RATE_HZ * dice.uniform(0.1, 0.5))
    tail = dice.standard_normal(count) * np.exp(-6.9 * np.arange(count) / count)
    tail *= 10.0 ** (dice.uniform(-14, -2) / 20) / np.sqrt(np.square(tail).sum())
    tail[0] += 1.0
    size = 1 << (len(sound) + count).bit_length()
    return np.asarray(np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)[: len(sound)])


def _pcm(sound: Floats) -> Samples:
    return np.clip(np.round(sound), -32768, 32767).astype(np.int16)
