"""Speech as the engine handles it: 24 kHz audio, and where in it each word begins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr

RATE_HZ = 24_000
SAMPLES_PER_MS = RATE_HZ // 1000
DEFAULT_VOICE = "en-us+f3"

# The voices of the Realtime API, each given an espeak voice of its own so that they can be told apart.
VOICES = {
    "alloy": "en-us",
    "ash": "en-us+m3",
    "ballad": "en-gb+m1",
    "cedar": "en-us+m7",
    "coral": "en-us+f2",
    "echo": "en-us+m2",
    "marin": "en-us+f3",
    "sage": "en-gb+f4",
    "shimmer": "en-us+f5",
    "verse": "en-gb+m3",
}
ESPEAK_VOICE = re.compile(r"[a-z]{2,3}(-[a-z0-9]+)*(\+[A-Za-z0-9_-]+)?")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as shown, with its leading space and its punctuation, and the sample it begins at."""

    text: str
    start_samples: int


@dataclass(frozen=True, slots=True)
class Utterance:
    """Speech: PCM16LE mono at 24 kHz, and its words in order; their texts join to the text that was said.

    `estimated` says that the words' starts were not measured but guessed from their lengths.
    """

    pcm: bytes
    words: list[Word]
    estimated: bool = False

    @property
    def samples(self) -> int:
        """Length in samples."""
        return len(self.pcm) // 2


def time_words(text: str, starts: Sequence[tuple[int, int]]) -> list[Word]:
    """Give each word of `text` its first sample, from (character position, sample) pairs in rising order.

    What has no timing of its own (a dash, the "the" espeak speaks as one with "of") joins the word before it;
    further timings inside a word (the digits of a number) are dropped.
    """
    tokens = [(match.start(), match.end()) for match in re.finditer(r"\s*\S+", text)]
    words: list[Word] = []
    pending = list(starts)
    for begin, end in tokens:
        inside = [sample for position, sample in pending if position < end]
        pending = pending[len(inside) :]
        if words and not inside:
            words[-1] = Word(words[-1].text + text[begin:end], words[-1].start_samples)
        else:
            words.append(Word(text[begin:end], inside[0] if words else 0))
    return words


def resample(pcm: bytes, from_hz: int) -> bytes:
    """Bring a whole utterance, PCM16LE mono, to 24 kHz."""
    samples = np.frombuffer(pcm, dtype=np.int16)
    return bytes(soxr.resample(samples, from_hz, RATE_HZ, quality="HQ").tobytes()) if samples.size else b""
