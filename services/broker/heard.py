"""Words: a reply's transcript against its audio. Which words were heard up to a sample, and when is a word heard?

Transcript deltas carry no times. Where the server sends each word just as its audio begins (`aligned`, as our engine
does) arrival is exact. Elsewhere the transcript runs ahead of the audio: then a delta's arrival is only the earliest
that its words can be heard, and the rest is estimated from the share of the audio that was played.
"""

from __future__ import annotations

from typing import Final
from unicodedata import east_asian_width

from services.common.audio import REPLY_HZ

CHARS_PER_S: Final = 15.0
"""Speed of English speech in letters and spaces, used while the length of the audio isn't known."""


class Words:
    """The words of one item. Positions count the item's own samples."""

    def __init__(self, *, aligned: bool) -> None:
        self._aligned = aligned
        self._pieces: list[tuple[int, str]] = []
        self._chars = 0

    @property
    def text(self) -> str:
        """All words so far."""
        return "".join(piece for _, piece in self._pieces)

    def add(self, piece: str, received: int) -> int:
        """Take a transcript delta that arrived after `received` samples; return when its words are heard."""
        before, self._chars = self._chars, self._chars + len(piece)
        self._pieces.append((received, piece))
        return self._heard_at(received, before)

    def timed(self) -> list[tuple[int, str]]:
        """Return all pieces, each with the position at which it is heard."""
        timed, before = [], 0
        for received, piece in self._pieces:
            timed.append((self._heard_at(received, before), piece))
            before += len(piece)
        return timed

    def _heard_at(self, received: int, before: int) -> int:
        return received if self._aligned else max(received, int(before / CHARS_PER_S * REPLY_HZ))

    def heard(self, position: int, samples: int, *, complete: bool) -> str:
        """Return the words heard when `position` of `samples` samples were played; whole words only."""
        if complete and position >= samples:
            return self.text.strip()
        if self._aligned:
            return self._heard_aligned(position, samples if complete else self._expected(samples))
        return self._estimate(position, samples, complete)

    def _expected(self, samples: int) -> int:
        """Return where the last word will end, if it goes at the pace of those before it: it may have come in part."""
        if not self._pieces:
            return samples
        (first, _), (start, piece) = self._pieces[0], self._pieces[-1]
        before = self._chars - len(piece)
        per_char = (start - first) / before if before and start > first else REPLY_HZ / CHARS_PER_S
        return max(samples, start + int(len(piece) * per_char))

    def _heard_aligned(self, position: int, end: int) -> str:
        starts = [start for start, _ in self._pieces] + [end]
        count = 0
        for index in range(len(self._pieces)):
            middle = (starts[index] + starts[index + 1]) / 2
            if position < middle or position <= starts[index]:  # less than half a word, or no sound, was not heard
                break
            count = index + 1
        return "".join(piece for _, piece in self._pieces[:count]).strip()

    def _estimate(self, position: int, samples: int, complete: bool) -> str:
        arrived = sum(len(piece) for start, piece in self._pieces if start < position)
        if complete and samples:
            chars = int(self._chars * position / samples)
        else:
            chars = int(position / REPLY_HZ * CHARS_PER_S)
        return _whole_words(self.text, min(chars, arrived))


def _whole_words(text: str, chars: int) -> str:
    """Return the words that end within the first `chars` characters."""
    chars = max(min(chars, len(text)), 0)
    while not _is_boundary(text, chars):
        chars -= 1
    return text[:chars].strip()


def _is_boundary(text: str, at: int) -> bool:
    """Say whether a word may end before character `at`: at a space, or after a letter of a script without spaces."""
    return at in (0, len(text)) or text[at].isspace() or east_asian_width(text[at - 1]) in "WF"
