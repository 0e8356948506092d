"""Text to speech with word timings: 24 kHz audio, and where in it each word begins."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from services.engine.worker import Header, Worker, WorkerDiedError, WorkerError

_WORKER = "services.engine.espeak_worker"
RATE_HZ = 24_000
SAMPLES_PER_MS = RATE_HZ // 1000
DEFAULT_VOICE = "en-us+f3"
_NORMAL_WPM = 175  # espeak's own default
_WPM_RANGE = (80, 450)  # espeakRATE_MINIMUM and espeakRATE_MAXIMUM of speak_lib.h

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

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)]*\s+")


class SpeechError(Exception):
    """The text could not be spoken; the message says why."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word as shown, with its leading space and its punctuation, and the sample it begins at."""

    text: str
    start_samples: int


@dataclass(frozen=True, slots=True)
class Utterance:
    """Speech: PCM16LE mono at 24 kHz, and its words in order; their texts join to the text that was said."""

    pcm: bytes
    words: list[Word]

    @property
    def samples(self) -> int:
        """Length in samples."""
        return len(self.pcm) // 2


def sentences(text: str) -> list[str]:
    """Split a reply where a speaker would breathe, so that its first words need not wait for its last."""
    parts: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        # The space stays with the sentence that follows: joining the parts gives the text again.
        space = match.end() - len(match.group().lstrip("\"'”’)"))
        parts.append(text[start:space])
        start = space
    parts.append(text[start:])
    return [part for part in parts if part.strip()]


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


class Speech:
    """The voice: `async with Speech() as speech: utterance = await speech.say("Hello.")`.

    Holds one espeak process and starts another if that one dies. Utterances are made one at a time, in order,
    about a hundred times faster than they are spoken.
    """

    def __init__(self) -> None:
        self._worker = Worker(_WORKER)
        self._replacing = asyncio.Lock()

    async def __aenter__(self) -> Speech:
        await self._worker.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._worker.close()

    async def say(self, text: str, voice: str = DEFAULT_VOICE, speed: float = 1.0, pitch: int = 50) -> Utterance:
        """Speak `text`.

        `voice` is a Realtime voice ("marin") or an espeak one ("en-gb+m3"); `speed` is a factor on 175
        words a minute; `pitch` is 0 to 100. Raises SpeechError for an unknown voice, or when the voice's
        process dies twice over.
        """
        low, high = _WPM_RANGE
        question: Header = {
            "text": text,
            "voice": VOICES.get(voice, voice),
            "wpm": min(high, max(low, round(_NORMAL_WPM * speed))),
            "pitch": min(100, max(0, pitch)),
        }
        try:
            answer, pcm = await self._ask(question)
        except WorkerError as error:
            raise SpeechError(str(error)) from error
        starts = [(position, start_ms * SAMPLES_PER_MS) for position, start_ms in answer["words"]]
        return Utterance(resample(pcm, answer["rate_hz"]), time_words(text, starts))

    async def _ask(self, question: Header) -> tuple[Header, bytes]:
        worker = self._worker
        try:
            return await worker.ask(question)
        except WorkerDiedError:
            await self._replace(worker)
            return await self._worker.ask(question)

    async def _replace(self, dead: Worker) -> None:
        async with self._replacing:
            if self._worker is not dead:
                return  # another utterance has done it
            await dead.close()
            fresh = Worker(_WORKER)
            await fresh.start()
            self._worker = fresh
