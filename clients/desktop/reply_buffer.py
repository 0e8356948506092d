"""One reply's audio between the network and the speaker, addressed by its own positions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .sound import Samples, speaker_samples

LONGEST_GAP_MS = 500
"""A hole in a reply is played as silence, so that what follows keeps its time; of a longer one the rest is skipped."""


class ReplyBuffer:
    """Holds what was received of one reply and gives it back in order, whatever the order and overlap it came in."""

    def __init__(self, reply: int) -> None:
        self.reply = reply
        self.ended = False
        """True: the server said that no audio follows."""
        self.started = False
        """True: its first sample has gone to the device."""
        self.running = False
        """True: it sounds, or sounded up to the last sample asked for."""
        self.position: int | None = None
        """The next sample to be played. None: nothing was received yet."""
        self.came_at = 0
        """When the first of the pieces held came, by the owner's clock."""
        self.buffered = 0
        """Samples received and not yet taken, holes not counted."""
        self._pieces: list[tuple[int, Samples]] = []

    @property
    def dry(self) -> bool:
        """Whether nothing is left to be taken."""
        return not self._pieces

    @property
    def end(self) -> int:
        """The position after the last sample received."""
        if not self._pieces:
            return self.position or 0
        position, samples = self._pieces[-1]
        return position + len(samples)

    def insert(self, position: int, samples: Samples) -> int:
        """Keep what is new of a piece that begins at `position`; return how many samples that were."""
        if self.started and self.position is not None and position < self.position:
            samples = samples[self.position - position :]
            position = self.position
        behind = not self._pieces or position >= self.end
        fresh = self._outside(position, samples) if not behind else [(position, samples)] if len(samples) else []
        self._pieces.extend(fresh)
        if not behind:
            self._pieces.sort(key=lambda piece: piece[0])
        if not self.started and self._pieces:
            self.position = self._pieces[0][0]
        kept = sum(len(piece) for _, piece in fresh)
        self.buffered += kept
        return kept

    def take(self, wanted: int) -> Iterator[tuple[int, Samples]]:
        """Yield up to `wanted` samples as (position, samples), holes as silence; less only when it runs dry."""
        while wanted > 0 and self._pieces:
            position, samples = self._next(wanted)
            self.started = True
            self.position = position + len(samples)
            wanted -= len(samples)
            yield position, samples

    def fade_out(self, samples: int, gain: float) -> None:
        """Keep only the next samples, fading from `gain` to nothing, and let nothing more in: the reply was cut."""
        kept = list(self.take(samples))
        length, done = sum(len(piece) for _, piece in kept), 0
        self._pieces, self.buffered = [], length
        for position, piece in kept:
            ramp = gain * (length - 1 - np.arange(done, done + len(piece))) / length
            self._pieces.append((position, np.rint(piece * ramp).astype(np.int16)))
            done += len(piece)
        if kept:
            self.position = kept[0][0]
        self.ended = True

    def _next(self, wanted: int) -> tuple[int, Samples]:
        """Return silence up to the next piece, or the head of that piece."""
        start, piece = self._pieces[0]
        now = start if self.position is None else max(self.position, start - speaker_samples(LONGEST_GAP_MS))
        if now < start:
            return now, np.zeros(min(start - now, wanted), np.int16)
        self.buffered -= min(len(piece), wanted)
        if len(piece) > wanted:
            self._pieces[0] = (start + wanted, piece[wanted:])
        else:
            self._pieces.pop(0)
        return start, piece[:wanted]

    def _outside(self, position: int, samples: Samples) -> list[tuple[int, Samples]]:
        """Return the parts of a piece that no held piece covers."""
        parts, at, end = [], position, position + len(samples)
        for start, held in self._pieces:
            if at < start < end:
                parts.append((at, samples[at - position : start - position]))
            if start < end and at < start + len(held):
                at = max(at, start + len(held))
        if at < end:
            parts.append((at, samples[at - position :]))
        return parts
