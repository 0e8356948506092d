"""A stereo recording of a conversation: the person left, what the speaker really played right, on one time axis."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Protocol

import numpy as np
import soxr

from .failures import cannot_write
from .sound import MIC_HZ, SPEAKER_FRAME_SAMPLES, SPEAKER_HZ, Samples, samples_of


def claim(path: Path) -> None:
    """Make sure before a conversation that its recording can be written after it. Raises UsageError."""
    try:
        path.open("ab").close()
    except OSError as problem:
        raise cannot_write(path, problem) from problem


class Tracks(Protocol):
    """Takes the sound of each 20 ms, all of one instant: for looking into what a canceller does."""

    def add(self, mic: bytes, reference: bytes, clean: bytes) -> None:
        """Take 640 bytes of each, 16 kHz: the microphone as it is, what the speaker played, what is sent.

        `clean` is 8 ms late where echo is cancelled here; elsewhere `reference` is silent.
        """


class Recording:
    """Collects both directions. Holds all of it in memory: 4.8 MB a minute."""

    def __init__(self) -> None:
        self.delay_samples = SPEAKER_FRAME_SAMPLES
        """24 kHz samples by which the speaker's first sample is later than the microphone's: a frame is captured
        before it is delivered, and played after it was asked for, plus the device's latency."""
        self._person = bytearray()
        self._assistant = bytearray()

    def heard(self, pcm: bytes) -> None:
        """Add what the microphone captured: 16 kHz."""
        self._person += pcm

    def played(self, pcm: bytes) -> None:
        """Add what the speaker was given: 24 kHz."""
        self._assistant += pcm

    def person(self) -> Samples:
        """Return what the microphone captured, at 16 kHz."""
        return samples_of(bytes(self._person))

    def assistant(self) -> Samples:
        """Return what the speaker was given, at 24 kHz, from its first sample on."""
        return samples_of(bytes(self._assistant))

    def stereo(self) -> Samples:
        """Return samples [n, 2] at 24 kHz: the person, the assistant."""
        person = soxr.resample(self.person(), MIC_HZ, SPEAKER_HZ) if self._person else self.person()
        assistant = np.concatenate([np.zeros(self.delay_samples, np.int16), self.assistant()])
        both = np.zeros((max(len(person), len(assistant)), 2), np.int16)
        both[: len(person), 0] = person
        both[: len(assistant), 1] = assistant
        return both

    def write_stereo(self, path: Path | str) -> None:
        """Write a 24 kHz stereo WAV file. Raises UsageError when it can't be written."""
        try:
            with Path(path).open("wb") as bare, wave.open(bare, "wb") as file:
                file.setnchannels(2)
                file.setsampwidth(2)
                file.setframerate(SPEAKER_HZ)
                file.writeframes(self.stereo().astype("<i2").tobytes())
        except OSError as problem:
            raise cannot_write(path, problem) from problem
