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
from tests.chaos.wording import answer_word, answered_in, said_in, written
from tests.fakes.position_code import RATE_HZ, track_pcm
from tests.fakes.realtime import Call, Remembered, Reply

WORD_SAMPLES: Final = RATE_HZ // 4
"""Every word of an answer, at 24 kHz."""
TOOL: Final = "look_up"
NOBODYS: Final = Utterance(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Answer(Reply):
    """The answer to an utterance, from one of its words on. Its track is the utterance's, whoever speaks it."""

    utterance: Utterance = field(default_factory=lambda: NOBODYS)
    first_word: int = 0
    continues: bool = False
    """It was asked for as the rest of one that broke off."""

    def pcm(self, track: int, samples: int, start: int) -> bytes:
        """Return what is spoken from sample `start` of this response on."""
        return track_pcm(track_of(self.utterance), samples, self.first_word * WORD_SAMPLES + start)


NOTHING: Final = Answer(output=())
"""The answer to somebody of whom nothing was understood."""


def track_of(utterance: Utterance) -> int:
    """Return the number of the track on which an utterance is answered."""
    return (utterance.conversation << 12 | utterance.number) + 1


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
            utterance, index = words[-1]
            return _spoken(utterance, index + 1, continues=True)
    asked = next((place for place in range(len(memory) - 1, -1, -1) if memory[place].role == "user"), None)
    if asked is None or not (words_said := said_in(memory[asked].text)):
        return NOTHING
    utterance = max((word.utterance for word in words_said), key=lambda said: said.number)
    looked_up = any(item.role == "output" for item in memory[asked:])
    if LINES[utterance.line].calls and not looked_up:
        arguments = json.dumps({"conversation": utterance.conversation, "utterance": utterance.number})
        return Answer(
            output=(Call(TOOL, arguments),), think_ms=LINES[utterance.line].think_s * 1000, utterance=utterance
        )
    return _spoken(utterance, 0)


def _spoken(utterance: Utterance, first_word: int, *, continues: bool = False) -> Answer:
    line = LINES[utterance.line]
    words = [answer_word(utterance, index) for index in range(first_word, line.answer_words)]
    if not words:
        return Answer(output=(), utterance=utterance, first_word=first_word, continues=continues)
    return Answer(
        seconds=len(words) * WORD_SAMPLES / RATE_HZ,
        text=" ".join(words),
        think_ms=0 if continues else line.think_s * 1000,
        speed=line.speed,
        captions="aligned",
        utterance=utterance,
        first_word=first_word,
        continues=continues,
    )
