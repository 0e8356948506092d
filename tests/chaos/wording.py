"""Wording: words that say which word they are, in transcripts, captions, history and a model's memory.

A word that a person has said reads `river_2_17_4_9`: word 9 of their utterance 4, of conversation 17, which says line
2. A word of an answer reads `w2_0017_0004_009,`: all are of one length, so that they take equal time.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from tests.chaos.lines import LINES
from tests.chaos.mic_code import Utterance

_SAID: Final = re.compile(r"\b[^\W_]+_(\d+)_(\d+)_(\d+)_(\d+)\b")
_ANSWERED: Final = re.compile(r"\bw(\d)_(\d{4})_(\d{4})_(\d{3})[,.]")
_SENTENCE: Final = 4
"""Words of a sentence of an answer."""


class WordSaid(NamedTuple):
    """A word that a person has said."""

    utterance: Utterance
    place: int


class WordAnswered(NamedTuple):
    """A word of the answer to an utterance."""

    utterance: Utterance
    place: int


def words_of(line: int) -> list[str]:
    """Return the plain words of a line."""
    return re.findall(r"[a-z]+", LINES[line].text.lower())


def written(word: WordSaid) -> str:
    """Return a person's word as the model writes it down."""
    line, conversation, number = word.utterance
    return f"{words_of(line)[word.place]}_{line}_{conversation}_{number}_{word.place}"


def said_in(text: str) -> list[WordSaid]:
    """Return the words of people that stand in a text, in order."""
    found = [[int(part) for part in match] for match in _SAID.findall(text)]
    return [WordSaid(Utterance(line, conversation, number), index) for line, conversation, number, index in found]


def answer_word(utterance: Utterance, place: int) -> str:
    """Return a word of the answer to an utterance; each fourth, and the last, ends a sentence."""
    last = place + 1 == LINES[utterance.line].answer_words
    stop = "." if last or place % _SENTENCE == _SENTENCE - 1 else ","
    return f"w{utterance.line}_{utterance.conversation:04}_{utterance.number:04}_{place:03}{stop}"


def answered_in(text: str) -> list[WordAnswered]:
    """Return the whole words of answers that stand in a text, in order."""
    found = [[int(part) for part in match] for match in _ANSWERED.findall(text)]
    return [WordAnswered(Utterance(line, conversation, number), index) for line, conversation, number, index in found]
