"""Voice: the lines as sound, each word from one sample to another, marked for whoever is to read them back.

Sound is 16 kHz PCM16 mono, from the synthesiser of the tests: clear enough for the ear to take it for speech.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from tests.chaos.lines import LINES
from tests.chaos.mic_code import BLOCK_SAMPLES, Stretch, Utterance, mark
from tests.chaos.wording import WordSaid, words_of
from tests.fakes import speech

HZ: Final = 16_000
_RATE_WPM: Final = 175
_VOICE: Final = "en-us"
_LOOK_BLOCKS: Final = 20
"""How far from where its letters would have it, at most, the bound between two words is looked for: 80 ms."""


@cache
def spoken(line: int) -> bytes:
    """Return the sound of a line, in whole frames of 20 ms."""
    return speech.join(speech.say(LINES[line].text, _VOICE, _RATE_WPM))


def samples_of(line: int) -> int:
    """Return how long a line is."""
    return len(spoken(line)) // 2


def said(utterance: Utterance) -> bytes:
    """Return the sound of an utterance, which says of each sample where it stands."""
    return mark(spoken(utterance.line), utterance)


def prepare() -> None:
    """Have everything synthesised now, which may take seconds, instead of when it is to be said."""
    for line in range(len(LINES)):
        bounds(line)


@cache
def bounds(line: int) -> tuple[int, ...]:
    """Return where each word of a line begins, and after them where the last one ends, in samples.

    Letters say about where; the quietest block near there is the bound. Together the words cover all of the line.
    """
    words, blocks = words_of(line), samples_of(line) // BLOCK_SAMPLES
    sound = np.frombuffer(spoken(line), "<i2").astype(np.float64)[: blocks * BLOCK_SAMPLES]
    loudness = (sound.reshape(-1, BLOCK_SAMPLES) ** 2).mean(axis=1)
    letters = [len(word) + 1 for word in words]
    edges = [0]
    for count in range(1, len(words)):
        about = blocks * sum(letters[:count]) // sum(letters)
        first, last = max(edges[-1] + 1, about - _LOOK_BLOCKS), min(about + _LOOK_BLOCKS, blocks - len(words) + count)
        edges.append(first + int(np.argmin(loudness[first : max(last, first + 1)])))
    return (*(edge * BLOCK_SAMPLES for edge in edges), samples_of(line))


def whole_words(stretches: list[Stretch]) -> list[WordSaid]:
    """Return the words of which every sample is there, each as often as it is, in the order of their ends."""
    found: list[WordSaid] = []
    for stretch in stretches:
        edges = bounds(stretch.utterance.line)
        for index in range(len(edges) - 1):
            if stretch.begin <= edges[index] and edges[index + 1] <= stretch.end:
                found.append(WordSaid(stretch.utterance, index))
    return found
