"""Delivery of a reply: sentences are synthesised as they are needed, cut where words begin, and paced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from services.engine.speech import RATE_HZ, Speech, Utterance, sentences

_DELTA_SAMPLES = RATE_HZ // 5  # 200 ms: small enough to stop soon, large enough to cost little
_TYPED_WORD_S = 0.3  # how long a word of a text reply takes at normal pace: 200 words a minute


@dataclass(frozen=True, slots=True)
class Piece:
    """What goes out next: a word that begins now (or none), and then audio (or none)."""

    word: str
    pcm: bytes


def cut(utterance: Utterance) -> Iterator[Piece]:
    """Cut an utterance into deltas of at most 200 ms, a new one at the start of each word.

    A client may so take the audio that came before a word as the place where the word begins.
    """
    starts = [word.start_samples for word in utterance.words] + [utterance.samples]
    for word, start, end in zip(utterance.words, starts, starts[1:], strict=False):
        yield Piece(word.text, _slice(utterance, start, min(start + _DELTA_SAMPLES, end)))
        for begin in range(start + _DELTA_SAMPLES, end, _DELTA_SAMPLES):
            yield Piece("", _slice(utterance, begin, min(begin + _DELTA_SAMPLES, end)))


def _slice(utterance: Utterance, start: int, end: int) -> bytes:
    return utterance.pcm[2 * start : 2 * end]


class Pacer:
    """Holds a stream to `pace` times real time, by the clock: a late wake-up is made good."""

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._due_s = asyncio.get_running_loop().time()

    async def pass_(self, seconds: float) -> None:
        """Wait for as long as `seconds` of the stream take."""
        now_s = asyncio.get_running_loop().time()
        self._due_s += seconds / self._pace
        # Always a pause, however short: other sessions, and a cancel, get their turn.
        await asyncio.sleep(max(0.0, self._due_s - now_s))


async def speak(speech: Speech, text: str, voice: str, speed: float, pace: float) -> AsyncIterator[Piece]:
    """The pieces of a spoken reply, each at its time. Raises SpeechError."""
    pacer = Pacer(pace)
    for sentence in sentences(text):
        utterance = await speech.say(sentence, voice, speed)
        for piece in cut(utterance):
            yield piece
            await pacer.pass_(len(piece.pcm) / 2 / RATE_HZ)


async def type_out(text: str, pace: float) -> AsyncIterator[Piece]:
    """The pieces of a text reply, word by word."""
    pacer = Pacer(pace)
    for index, word in enumerate(text.split()):
        yield Piece(word if index == 0 else f" {word}", b"")
        await pacer.pass_(_TYPED_WORD_S)
