"""Microphone frames for the tests of ingress."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from parley.v1 import audio_pb2 as audio

Samples = NDArray[np.int16]


def counted(start: int, samples: int) -> Samples:
    """Return samples that are functions of their positions."""
    return ((np.arange(start, start + samples) % 30_011) + 1).astype(np.int16)


def frame(start: int, pcm: Samples, playhead: audio.Playhead | None = None) -> audio.AudioFrame:
    """Return a frame that begins at `start` of the client's clock."""
    return audio.AudioFrame(mic_offset=start, pcm=pcm.astype("<i2").tobytes(), playhead=playhead)


def framed(signal: Samples, rate_hz: int, frame_ms: int = 20) -> Iterator[audio.AudioFrame]:
    """Cut a signal into a client's frames."""
    size = rate_hz * frame_ms // 1000
    for start in range(0, len(signal) - size + 1, size):
        yield frame(start, signal[start : start + size])


def samples_of(pcm: bytes) -> Samples:
    """Return PCM16LE as samples."""
    return np.frombuffer(pcm, "<i2").astype(np.int16)


def joined(frames: list[audio.AudioFrame]) -> Samples:
    """Return the sound of frames that follow each other without a hole."""
    for before, after in pairwise(frames):
        assert after.mic_offset == before.mic_offset + len(before.pcm) // 2, "the ring's clock jumped"
    return np.concatenate([samples_of(each.pcm) for each in frames])


def click_at(position: int, samples: int, rate_hz: int) -> Samples:
    """Return a click of 2 ms (a bell of energy around `position`) that every rate can carry."""
    seconds = (np.arange(samples) - position) / rate_hz
    wave = 20_000 * np.exp(-((seconds / 0.0005) ** 2)) * np.cos(2 * np.pi * 1_000 * seconds)
    click: Samples = np.rint(wave).astype(np.int16)
    return click


def middle_of(signal: Samples) -> float:
    """Return where the energy of a click is, in samples."""
    energy = signal.astype(np.float64) ** 2
    return float((energy * np.arange(len(energy))).sum() / energy.sum())
