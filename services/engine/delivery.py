"""Delivery of a reply: audio is cut where words begin, and paced."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from services.engine.speech import RATE_HZ, Utterance

TYPED_WORD_S = 0.3  # how long a word of a text reply takes at normal pace: 200 words a minute
_DELTA_SAMPLES = RATE_HZ // 5  # 200 ms: small enough to stop soon, large enough to cost little
_MOST_LATE_S = 0.25  # what is later than this is not made good: a source that stalled must not then flood


@dataclass(frozen=True, slots=True)
class Piece:
    """What goes out next: a word that begins now (or none), and then audio (or none).

    `estimated` says that the word's place in the audio is a guess.
    """

    word: str
    pcm: bytes
    estimated: bool = False

    @property
    def seconds(self) -> float:
        """How long its audio takes."""
        return len(self.pcm) / 2 / RATE_HZ


def cut(utterance: Utterance) -> Iterator[Piece]:
    """Cut an utterance into deltas of at most 200 ms, a new one at the start of each word.

    A client may so take the audio that came before a word as the place where the word begins.
    """
    words = utterance.words
    starts = [word.start_samples for word in words] + [utterance.samples]
    if starts[0]:
        yield from _deltas(utterance, "", 0, starts[0])
    for word, start, end in zip(words, starts, starts[1:], strict=False):
        yield from _deltas(utterance, word.text, start, end)


def _deltas(utterance: Utterance, word: str, start: int, end: int) -> Iterator[Piece]:
    for begin in range(start, max(end, start + 1), _DELTA_SAMPLES):
        pcm = utterance.pcm[2 * begin : 2 * min(begin + _DELTA_SAMPLES, end)]
        yield Piece(word if begin == start else "", pcm, utterance.estimated)


class Pacer:
    """Holds a stream to `pace` times real time, by the clock: a late wake-up is made good, a long stall is not."""

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._due_s = asyncio.get_running_loop().time()

    async def pass_(self, seconds: float) -> None:
        """Wait for as long as `seconds` of the stream take."""
        now_s = asyncio.get_running_loop().time()
        self._due_s = max(self._due_s, now_s - _MOST_LATE_S) + seconds / self._pace
        # Always a pause, however short: other sessions, and a cancel, get their turn.
        await asyncio.sleep(max(0.0, self._due_s - now_s))
