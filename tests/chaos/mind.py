"""What the scripted model makes of a conversation: which words it hears, and what it answers.

It knows nothing but what this connection has told it, so any copy of it can take over from any other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from services.broker.questions import CONTINUE
from tests.chaos.lines import LINES
from tests.chaos.mic_code import Utterance, read
from tests.chaos.voice import whole_words
from tests.chaos.wording import Heard, answer_word, answered_in, said_in, words_of, written
from tests.fakes.position_code import RATE_HZ, track_pcm
from tests.fakes.realtime import Call, Remembered, Reply

WORD_SAMPLES: Final = RATE_HZ // 4
"""Every word of an answer, at 24 kHz."""
TOOL: Final = "look_up"
NOBODYS: Final = Utterance(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Answer(Reply):
    """The answer to what was heard, from one of its words on. Its track is the same, whoever speaks it."""

    heard: Heard = field(default_factory=lambda: Heard(NOBODYS))
    first_word: int = 0
    continues: bool = False
    """It was asked for as the rest of one that broke off."""

    def pcm(self, track: int, samples: int, start: int) -> bytes:
        """Return what is spoken from sample `start` of this response on."""
        return track_pcm(track_of(self.heard), samples, self.first_word * WORD_SAMPLES + start)


NOTHING: Final = Answer(output=())
"""The answer to somebody of whom nothing was understood."""


def track_of(heard: Heard) -> int:
    """Return the number of the track on which it is answered: half an utterance has an answer of its own."""
    return (heard.words << 24 | heard.utterance.conversation << 12 | heard.utterance.number) + 1


def answer_samples(utterance: Utterance) -> int:
    """Return how long the answer to an utterance is."""
    return LINES[utterance.line].answer_words * WORD_SAMPLES


def transcript(pcm_16k: bytes) -> str:
    """Write down the words of which every sample has come, each as often as it has."""
    return " ".join(map(written, whole_words(read(pcm_16k))))


def answer_to(memory: Sequence[Remembered], instructions: str) -> Reply:
    """Choose the answer, to be given to whoever remembers this and is told that."""
    if CONTINUE in instructions:
        told = next((item.text for item in reversed(memory) if item.role == "assistant"), "")
        if words := answered_in(told):
            heard, place = words[-1]
            return _spoken(heard, place + 1, continues=True)
    asked = next((place for place in range(len(memory) - 1, -1, -1) if memory[place].role == "user"), None)
    if asked is None or not (words_said := said_in(memory[asked].text)):
        return NOTHING
    heard = _heard(memory, max((word.utterance for word in words_said), key=lambda said: said.number))
    line = LINES[heard.utterance.line]
    looked_up = any(item.role == "output" for item in memory[asked:])
    if line.calls and not looked_up:
        arguments = json.dumps({"conversation": heard.utterance.conversation, "utterance": heard.utterance.number})
        return Answer(output=(Call(TOOL, arguments),), think_ms=line.think_s * 1000, heard=heard)
    return _spoken(heard, 0)


def _heard(memory: Sequence[Remembered], utterance: Utterance) -> Heard:
    """Say how much of an utterance has been heard, in all turns."""
    places = [w.place for item in memory if item.role == "user" for w in said_in(item.text) if w.utterance == utterance]
    words = max(places) + 1
    return Heard(utterance, 0 if words == len(words_of(utterance.line)) else words)


def _spoken(heard: Heard, first_word: int, *, continues: bool = False) -> Answer:
    line = LINES[heard.utterance.line]
    words = [answer_word(heard, place) for place in range(first_word, line.answer_words)]
    if not words:
        return Answer(output=(), heard=heard, first_word=first_word, continues=continues)
    return Answer(
        seconds=len(words) * WORD_SAMPLES / RATE_HZ,
        text=" ".join(words),
        think_ms=0 if continues else line.think_s * 1000,
        speed=line.speed,
        captions="aligned",
        heard=heard,
        first_word=first_word,
        continues=continues,
    )
