"""Speech whose every sample says where it stands, and the decoder that reads what a model was given of it.

The lowest bit of each sample carries it: 64 samples, 4 ms, are a *block*, and spell out which line of the script, which
conversation, which utterance of it, and which block of that. What arrives bit by bit as it was said can be read back,
wherever it begins; silence, and sound that was altered on the way, says nothing. Nobody hears the difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK_SAMPLES: Final = 64
_MARK: Final = 0xB5A
_FIELDS: Final = (("line", 6), ("conversation", 12), ("utterance", 12), ("block", 12))
_MARK_BITS: Final = 12
_CHECK_BITS: Final = 10
_PRIME: Final = 0x9E3779B97F4A7C15
_ALL: Final = 2**64 - 1

Words = NDArray[np.uint64]


class Utterance(NamedTuple):
    """Which utterance it is: the line of the script that is said, by whom, and as the how manieth of theirs."""

    line: int
    conversation: int
    number: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples of one utterance that follow each other, in the sound and in the utterance. In whole blocks."""

    utterance: Utterance
    begin: int
    end: int
    at: int
    """Where it begins in the sound that was read."""


def mark(pcm: bytes, utterance: Utterance) -> bytes:
    """Write into PCM16LE where each sample stands; what fills no whole block at its end is filled up with silence.

    Raises ValueError for an utterance whose numbers, or whose sound, are too large.
    """
    sound = np.frombuffer(pcm + bytes(-len(pcm) % (2 * BLOCK_SAMPLES)), dtype="<i2")
    blocks = len(sound) // BLOCK_SAMPLES
    if blocks > 1 << 12 or any(value >> bits for value, (_, bits) in zip(utterance, _FIELDS, strict=False)):
        raise ValueError(f"{utterance} with {blocks} blocks can't be marked")
    codes = np.array([_code(utterance, block) for block in range(blocks)], dtype=np.uint64)
    bits = (codes[:, np.newaxis] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    return bytes(((sound & ~1) | bits.reshape(-1).astype(np.int16)).astype("<i2").tobytes())


def read(pcm: bytes) -> list[Stretch]:
    """Find every stretch of marked speech, in the order of the sound; a block that is not whole is none.

    Nor is one without a neighbour: among so many windows one looks like a block by chance every few minutes, and would
    tear in two the stretch in which it is found.
    """
    sound = np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2")
    words = _windows((sound & 1).astype(np.uint64))
    marked = np.flatnonzero((words & np.uint64((1 << _MARK_BITS) - 1)) == np.uint64(_MARK))
    blocks = {int(at): decoded for at in marked if (decoded := _decode(int(words[at]))) is not None}
    found: list[Stretch] = []
    for place, (utterance, block) in blocks.items():
        neighbours = [blocks.get(place + step * BLOCK_SAMPLES) == (utterance, block + step) for step in (-1, 1)]
        if not any(neighbours):
            continue
        begin = block * BLOCK_SAMPLES
        last = found[-1] if found else None
        if last and last.utterance == utterance and last.end == begin and last.at + last.end - last.begin == place:
            found[-1] = Stretch(utterance, last.begin, begin + BLOCK_SAMPLES, last.at)
        else:
            found.append(Stretch(utterance, begin, begin + BLOCK_SAMPLES, place))
    return found


def _code(utterance: Utterance, block: int) -> int:
    value, shift = 0, 0
    for part, (_, bits) in zip((*utterance, block), _FIELDS, strict=True):
        value |= part << shift
        shift += bits
    return _MARK | value << _MARK_BITS | _check(value) << (_MARK_BITS + shift)


def _decode(word: int) -> tuple[Utterance, int] | None:
    """Return what a word says; None for one that is none: its mark was there by chance."""
    value = (word >> _MARK_BITS) & ((1 << (64 - _MARK_BITS - _CHECK_BITS)) - 1)
    if word >> (64 - _CHECK_BITS) != _check(value):
        return None
    parts = []
    for _, bits in _FIELDS:
        parts.append(value & ((1 << bits) - 1))
        value >>= bits
    line, conversation, number, block = parts
    return Utterance(line, conversation, number), block


def _check(value: int) -> int:
    return ((value + 1) * _PRIME & _ALL) >> (64 - _CHECK_BITS)


def _windows(bits: Words) -> Words:
    """Pack the 64 bits from each place on into one word, by doubling; empty if there are fewer than 64."""
    words = bits
    for width in (1, 2, 4, 8, 16, 32):
        words = words[:-width] | words[width:] << np.uint64(width)
    return words
