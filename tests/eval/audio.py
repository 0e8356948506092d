"""Audio: sound files read as 16 kHz mono, and what an evaluation does to sound: room tone, noise, reverberation."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from services.common.audio import MIC_FRAME_SAMPLES, MIC_HZ

Sound = NDArray[np.float64]
"""Samples in ±1 at 16 kHz."""

LEAST_RATE_HZ: Final = 8_000
_ACTIVE_RANGE: Final = 1e-3
"""Frames within 30 dB of the loudest count as active."""
_TONE_RANGE_DB: Final = (-80.0, -55.0)
_DIRECT_SAMPLES: Final = MIC_HZ // 400
"""What is kept of a room impulse response before its direct sound: 2.5 ms."""


class AudioError(Exception):
    """A sound file can't be used; the message says why."""


def generator(seed: int, *names: str) -> np.random.Generator:
    """Return a source of random numbers for one purpose: the same names give the same numbers."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


def check(path: Path) -> float:
    """Return how many seconds a sound file lasts, all of it decoded once. Raises AudioError."""
    if not path.is_file():
        raise AudioError("there is no such file")
    try:
        promised = soundfile.info(str(path)).frames
        frames, rate_hz = soundfile.read(str(path), dtype="int16", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise AudioError(f"it can't be read as sound ({error})") from error
    if rate_hz < LEAST_RATE_HZ:
        raise AudioError(f"it has {rate_hz} samples a second; at least {LEAST_RATE_HZ} are wanted")
    if len(frames) < promised:
        raise AudioError("it is cut short")
    if not len(frames):
        raise AudioError("it holds no sound")
    return float(len(frames) / rate_hz)


def read(path: Path) -> Sound:
    """Return the first channel of a sound file at 16 kHz. Raises AudioError."""
    try:
        sound, rate_hz = soundfile.read(str(path), dtype="float64", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise AudioError(f"{path} can't be read as sound ({error})") from error
    first = np.ascontiguousarray(sound[:, 0])
    if rate_hz != MIC_HZ:
        first = np.asarray(soxr.resample(first, rate_hz, MIC_HZ), dtype=np.float64)
    if not len(first) or not np.isfinite(first).all():
        raise AudioError(f"{path} holds no sound")
    return first


def pcm(sound: Sound) -> bytes:
    """Return PCM16 in whole frames of 20 ms; what goes over full scale is clipped."""
    whole = np.pad(sound, (0, -len(sound) % MIC_FRAME_SAMPLES))
    return bytes(np.clip(np.rint(whole * 32767), -32768, 32767).astype("<i2").tobytes())


def active_rms(sound: Sound) -> float:
    """Return the level while somebody speaks: RMS over the 20 ms frames within 30 dB of the loudest; 0 in silence."""
    powers = _frame_powers(sound)
    loudest = powers.max(initial=0.0)
    return float(np.sqrt(powers[powers > loudest * _ACTIVE_RANGE].mean())) if loudest > 0 else 0.0


def _frame_powers(sound: Sound) -> Sound:
    whole = np.pad(sound, (0, -len(sound) % MIC_FRAME_SAMPLES))
    return np.asarray(np.square(whole.reshape(-1, MIC_FRAME_SAMPLES)).mean(axis=1))


def room_tone(sound: Sound, samples: int, random: np.random.Generator) -> Sound:
    """Return noise with the spectrum and level of a clip's quietest frames, between -80 and -55 dBFS.

    A clip of steady noise has no quiet frames; the upper bound keeps its room quiet, so that the noise has an onset.
    """
    if not samples:
        return np.zeros(0)
    frames = sound[: len(sound) // MIC_FRAME_SAMPLES * MIC_FRAME_SAMPLES].reshape(-1, MIC_FRAME_SAMPLES)
    spectrum = np.ones(MIC_FRAME_SAMPLES // 2 + 1)
    level_db = _TONE_RANGE_DB[0]
    if len(frames):
        powers = np.square(frames).mean(axis=1)
        quiet = np.argsort(powers, kind="stable")[: max(len(frames) // 10, 1)]
        power = powers[quiet].mean()
        if power > 0:
            level_db = 10.0 * float(np.log10(power))
            window = np.hanning(MIC_FRAME_SAMPLES)
            spectrum = np.sqrt(np.square(np.abs(np.fft.rfft(frames[quiet] * window))).mean(axis=0))
    white = np.fft.rfft(random.standard_normal(samples))
    bins = np.linspace(0.0, 1.0, len(white))
    shaped = np.fft.irfft(white * np.interp(bins, np.linspace(0.0, 1.0, len(spectrum)), spectrum), samples)
    rms = 10.0 ** (float(np.clip(level_db, *_TONE_RANGE_DB)) / 20.0)
    return np.asarray(shaped * rms / max(float(np.sqrt(np.square(shaped).mean())), 1e-12))


def pink(samples: int, random: np.random.Generator) -> Sound:
    """Return noise whose power falls by 3 dB an octave above 50 Hz, at an RMS of 0.1."""
    white = np.fft.rfft(random.standard_normal(samples))
    shaped = np.fft.irfft(white / np.sqrt(np.maximum(np.linspace(0.0, MIC_HZ / 2, len(white)), 50.0)), samples)
    return np.asarray(shaped * 0.1 / np.sqrt(np.square(shaped).mean()))


def stretch(noise: Sound, samples: int, random: np.random.Generator) -> Sound:
    """Return so much of a noise, from a random place on; a short one repeats."""
    return np.asarray(np.resize(np.roll(noise, -int(random.integers(len(noise)))), samples))


def at_snr(noise: Sound, speech_rms: float, snr_db: float) -> Sound:
    """Return the noise at the level that is `snr_db` under speech of this level. Silent noise stays silent."""
    rms = float(np.sqrt(np.square(noise).mean()))
    return np.asarray(noise * speech_rms / max(rms, 1e-9) * 10.0 ** (-snr_db / 20.0))


def reverberate(sound: Sound, response: Sound) -> Sound:
    """Return the sound in a room, at its former active level; its direct sound stays where it was."""
    response = response[max(0, int(np.argmax(np.abs(response))) - _DIRECT_SAMPLES) :]
    direct = int(np.argmax(np.abs(response)))
    size = 1 << (len(sound) + len(response)).bit_length()
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)[direct : direct + len(sound)]
    return np.asarray(wet * active_rms(sound) / max(active_rms(wet), 1e-12))
