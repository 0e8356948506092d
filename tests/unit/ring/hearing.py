"""What a listener at the simulated client's loudspeaker hears, sample by sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clients.desktop.fader import Fader
from clients.desktop.playhead import PlayheadLog
from clients.desktop.sound import Samples


@dataclass(frozen=True)
class Span:
    """Samples of a reply that were given to the device, `at` in the device's samples."""

    at: int
    reply: int
    position: int
    samples: int


@dataclass(frozen=True)
class FlushSeen:
    """A Flush as the client saw it: the device's samples up to `fade_end` may still hold a fade."""

    seq: int
    handed: int
    fade_end: int


class HeardLog(PlayheadLog):
    """Notes every sample that is given to the device."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[Span] = []

    def append(self, at: int, reply: int, position: int, samples: int) -> None:
        """Note them."""
        self.spans.append(Span(at, reply, position, samples))
        super().append(at, reply, position, samples)


class Ear(Fader):
    """Keeps the output as it is before the gain, so that a ducked sample can still be told from another."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[Samples] = []

    def apply(self, block: Samples) -> Samples:
        """Keep the block."""
        self.blocks.append(block.copy())
        return super().apply(block)

    def played(self) -> Samples:
        """Return everything that was given to the device, before the gain."""
        return np.concatenate(self.blocks)
