"""Scenes: a clip as a microphone would have heard it, in some room, over some noise, through some telephone.

Each scene is a second of what the place sounds like, the clip, and half a second more. The same chance gives the same
scene.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RATE_HZ: Final = 16_000
LEAD_S: Final = 1.0
TAIL_S: Final = 0.5
MARGIN_S: Final = 0.6
"""What is left around a clip whose onset and end are known."""
MOST_S: Final = 4.0


@dataclass(frozen=True)
class Scene:
    """16 kHz PCM16, and where in it the clip's sound begins."""

    samples: NDArray[np.int16]
    onset_s: float


def level(sound: Floats) -> float:
    """Return the RMS of the 20 ms frames within 30 dB of the loudest."""
    power = np.square(np.pad(sound, (0, -len(sound) % 320)).reshape(-1, 320)).mean(axis=1)
    return float(np.sqrt(power[power > power.max() * 1e-3].mean())) if power.max() > 0 else 1e-4


def stage(sound: Floats, onset_s: float, chance: np.random.Generator, noises: list[Floats]) -> Scene:
    """Put a clip into a scene made up by chance: pace, room, noise, bandwidth, loudness."""
    pace = chance.uniform(0.87, 1.16) if chance.random() < 0.7 else 1.0
    sound = np.asarray(soxr.resample(sound, RATE_HZ * pace, RATE_HZ)) if pace != 1.0 else sound
    sound = sound / level(sound) * 10 ** (chance.uniform(-42, -14) / 20)
    if chance.random() < 0.35:
        sound = _in_a_room(sound, chance)
    loud = level(sound)
    scene = np.concatenate([np.zeros(int(LEAD_S * RATE_HZ)), sound, np.zeros(int(TAIL_S * RATE_HZ))])
    snr_db = chance.uniform(22, 50) if chance.random() < 0.5 else chance.uniform(4, 24)
    scene += _noise(len(scene), chance, noises) * loud * 10 ** (-snr_db / 20)
    if chance.random() < 0.3:
        scene = _filtered(scene, _telephone(len(scene), chance))
    elif chance.random() < 0.3:
        scene = _filtered(scene, _tilt(len(scene), chance))
    scene *= min(0.99 / max(float(np.abs(scene).max()), 1e-9), 1.0)
    return Scene(np.rint(scene * 32767).astype(np.int16), LEAD_S + onset_s / pace)


def babble(voices: list[Floats], chance: np.random.Generator, seconds: float = 20.0) -> Floats:
    """Return many people talking at once: eight of these voices at a time, at equal levels."""
    total = np.zeros(int(seconds * RATE_HZ))
    for number in chance.choice(len(voices), min(8, len(voices)), replace=False):
        voice = voices[number] / level(voices[number])
        total += np.resize(np.roll(voice, -int(chance.integers(len(voice)))), len(total))
    return total


def _in_a_room(sound: Floats, chance: np.random.Generator) -> Floats:
    t60_s = chance.uniform(0.1, 0.7)
    at_s = np.arange(int(RATE_HZ * min(t60_s, 0.5))) / RATE_HZ
    tail = chance.standard_normal(len(at_s)) * np.exp(-6.9 * at_s / t60_s)
    tail *= 10 ** (chance.uniform(-14, 2) / 20) / np.sqrt(np.square(tail).sum())
    tail[0] += 1
    size = 1 << (len(sound) + len(tail)).bit_length()
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)
    return np.asarray(wet[: len(sound) + len(tail) // 2])


def _noise(count: int, chance: np.random.Generator, noises: list[Floats]) -> Floats:
    """Return noise of unit RMS: a recorded one, or white, pink or brown."""
    if noises and chance.random() < 0.6:
        recorded = noises[chance.integers(len(noises))]
        sound = np.resize(np.roll(recorded, -int(chance.integers(len(recorded)))), count)
    else:
        spectrum = np.fft.rfft(chance.standard_normal(count))
        steepness = chance.choice([0, 1, 1, 2])
        sound = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 1) ** (steepness / 2), count)
    return np.asarray(sound / np.sqrt(np.square(sound).mean() + 1e-12))


def _telephone(count: int, chance: np.random.Generator) -> Floats:
    hz = np.fft.rfftfreq(count, 1 / RATE_HZ)
    low_hz, high_hz = chance.uniform(50, 300), chance.uniform(3400, 4000)
    return np.asarray((hz / low_hz) ** 4 / (1 + (hz / low_hz) ** 4) / (1 + (hz / high_hz) ** 24))


def _tilt(count: int, chance: np.random.Generator) -> Floats:
    hz = np.fft.rfftfreq(count, 1 / RATE_HZ)
    return np.asarray(10 ** (chance.uniform(-6, 6) * np.clip(np.log2((hz + 50) / 1000), -3, 3) / 20))


def _filtered(sound: Floats, gain: Floats) -> Floats:
    return np.asarray(np.fft.irfft(np.fft.rfft(sound) * gain, len(sound)))
