"""Wording: words that say which word they are, in transcripts, captions, history and a model's memory.

A word that a person has said reads `river_2_17_4_9`: word 9 of their utterance 4, of conversation 17, which says line
2. A word of the answer to all of that reads `w2_0017_0004_00_009,`, and one of the answer to its first five words alone
`w2_0017_0004_05_009,`: all are of one length, so that they take equal time.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from tests.chaos.lines import LINES
from tests.chaos.mic_code import Utterance

_SAID: Final = re.compile(r"\b[^\W_]+_(\d+)_(\d+)_(\d+)_(\d+)\b")
_ANSWERED: Final = re.compile(r"\bw(\d)_(\d{4})_(\d{4})_(\d{2})_(\d{3})[,.]")
_SENTENCE: Final = 4
"""Words of a sentence of an answer."""


class WordSaid(NamedTuple):
    """A word that a person has said."""

    utterance: Utterance
    place: int


class Heard(NamedTuple):
    """What is answered: an utterance, or as much of it as was heard so far."""

    utterance: Utterance
    words: int = 0
    """How many of its words were heard; 0: all."""


class WordAnswered(NamedTuple):
    """A word of an answer."""

    heard: Heard
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


def answer_word(heard: Heard, place: int) -> str:
    """Return a word of an answer; each fourth, and the last, ends a sentence."""
    line, conversation, number = heard.utterance
    stop = "." if place + 1 == LINES[line].answer_words or place % _SENTENCE == _SENTENCE - 1 else ","
    return f"w{line}_{conversation:04}_{number:04}_{heard.words:02}_{place:03}{stop}"


def answered_in(text: str) -> list[WordAnswered]:
    """Return the whole words of answers that stand in a text, in order."""
    found = [[int(part) for part in match] for match in _ANSWERED.findall(text)]
    return [
        WordAnswered(Heard(Utterance(line, conversation, number), words), place)
        for line, conversation, number, words, place in found
    ]
