"""A room with a speaker and a microphone in it, in virtual time: what is played comes back, late and reverberant."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from clients.desktop.echo.canceller import EchoCanceller
from clients.desktop.sound import MIC_FRAME_SAMPLES, MIC_HZ, SPEAKER_FRAME_SAMPLES, SPEAKER_HZ, pcm_of, samples_of
from tests.fakes import speech

STORY = (
    "once upon a time there was a house at the edge of a forest, and nobody knew who lived in it",
    "every evening a light was seen in the window, and in the morning there was smoke above the roof",
    "one day a girl who was not afraid of anything went there and knocked at the door three times",
    "it was opened by an old man with a long beard, who asked her what she wanted so early in the day",
)

Floats = NDArray[np.float64]


def story(parts: int = 4) -> Floats:
    """Return what the assistant says, at 16 kHz."""
    said = [samples_of(speech.say(part) + speech.silence(300)) for part in STORY[:parts]]
    return np.concatenate(said).astype(np.float64)


def impulse(t60_s: float = 0.3, seed: int = 7) -> Floats:
    """Return a room's answer at 16 kHz: the direct way of a metre, and a tail that fades by 60 dB in `t60_s`."""
    at = np.arange(int(t60_s * MIC_HZ)) / MIC_HZ
    tail = np.random.default_rng(seed).standard_normal(len(at)) * 10 ** (-3 * at / t60_s) * 0.04
    tail[:48] = 0
    tail[48] = 1.0
    answer: Floats = tail / np.sqrt(np.sum(tail**2))
    return answer


@dataclass
class Room:
    """Plays a reply through a canceller as the sound card would, and tells what became of the microphone."""

    echo_db: float = -10
    """The echo, against what is played."""
    late_ms: float = 0
    """By how much the driver's times are wrong: positive, the echo is heard later than they say."""
    jitter_ms: float = 3
    """By how much callbacks come late."""
    drift_ppm: float = 0
    """By how much the microphone's clock is faster than the speaker's."""

    def play(self, reply: Floats, person: Floats | None = None) -> tuple[Floats, Floats, EchoCanceller]:
        """Return the microphone and what is left of it, at the same times, and the canceller."""
        chance = random.Random(3)
        echo = np.convolve(reply, impulse())[: len(reply)] * 10 ** (self.echo_db / 20)
        late = round(self.late_ms * MIC_HZ / 1000)
        echo = np.roll(echo, late)
        mic = echo + np.random.default_rng(2).standard_normal(len(echo)) * 10
        if person is not None:
            mic[: len(person)] += person
        if self.drift_ppm:
            at = np.arange(len(mic)) * (1 + self.drift_ppm * 1e-6)
            mic = np.interp(at, np.arange(len(mic)), mic)
        speaker = soxr.resample(reply, MIC_HZ, SPEAKER_HZ)
        canceller, clean = EchoCanceller(), []
        for number in range(len(reply) // MIC_FRAME_SAMPLES):
            now_s = 100 + number * 0.02
            out = speaker[number * SPEAKER_FRAME_SAMPLES :][:SPEAKER_FRAME_SAMPLES]
            # The card takes a block 40 ms before it is heard, and delivers a frame 30 ms after it was captured.
            if len(out) == SPEAKER_FRAME_SAMPLES:
                canceller.play(_pcm(out), now_s + chance.uniform(0, self.jitter_ms) / 1000)
            if number >= 3:
                frame = mic[(number - 3) * MIC_FRAME_SAMPLES :][:MIC_FRAME_SAMPLES]
                begins_s = now_s - 0.06 * (1 + self.drift_ppm * 1e-6)
                clean.append(canceller.feed(_pcm(frame), begins_s + chance.uniform(0, self.jitter_ms) / 1000)[0])
        left = samples_of(b"".join(clean)).astype(np.float64)
        return mic[: len(left)], left, canceller


def erle_db(mic: Floats, left: Floats, from_s: float, late: int = 128) -> float:
    """Return by how much the echo became quieter from a time on."""
    begin = int(from_s * MIC_HZ)
    before, after = mic[begin : len(mic) - late], left[begin + late :]
    return float(10 * np.log10(np.sum(before**2) / max(np.sum(after**2), 1.0)))


def _pcm(wave: Floats) -> bytes:
    return pcm_of(np.clip(np.rint(wave), -32768, 32767).astype(np.int16))
