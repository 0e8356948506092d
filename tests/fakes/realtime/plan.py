"""A reply, planned: which item speaks which stretch of the track, and when each word is spoken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.fakes.position_code import RATE_HZ
from tests.fakes.realtime.script import Call, Reply


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a reply (with its leading space) and the sample of its item at which it begins."""

    text: str
    at_sample: int


@dataclass(frozen=True, slots=True)
class PlannedMessage:
    """One message of a reply: where its audio stands on the track, and when its words are spoken."""

    track_start: int
    samples: int
    words: tuple[Word, ...]


def plan_items(reply: Reply) -> list[PlannedMessage | Call]:
    """Give the items of a reply in their order."""
    if reply.output is None:
        return [*_divided(reply), *reply.calls]
    items: list[PlannedMessage | Call] = []
    start = 0
    for item in reply.output:
        if isinstance(item, Call):
            items.append(item)
        else:
            samples = round(item.seconds * RATE_HZ)
            items.append(PlannedMessage(start, samples, _timed(item.text.split(), samples)))
            start += samples
    return items


def _divided(reply: Reply) -> list[PlannedMessage]:
    """Divide a reply evenly over its messages."""
    if not reply.items:
        return []
    total = round(reply.seconds * RATE_HZ)
    words = reply.text.split()
    edges = [(total * n // reply.items, len(words) * n // reply.items) for n in range(reply.items + 1)]
    return [
        PlannedMessage(begin, end - begin, _timed(words[first:last], end - begin))
        for (begin, first), (end, last) in pairwise(edges)
    ]


def _timed(words: Sequence[str], samples: int) -> tuple[Word, ...]:
    """Spread the words over the audio by their letters."""
    letters = sum(len(word) + 1 for word in words)
    timed: list[Word] = []
    spoken = 0
    for word in words:
        timed.append(Word(f" {word}" if timed else word, samples * spoken // letters))
        spoken += len(word) + 1
    return tuple(timed)


def pieces_of(text: str, count: int) -> list[str]:
    """Cut a text into so many pieces, none of them empty."""
    count = max(1, min(count, len(text)))
    edges = [len(text) * n // count for n in range(count + 1)]
    return [text[begin:end] for begin, end in pairwise(edges)]
