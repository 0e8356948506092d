"""What the playout tells: things that happened at the speaker, each at its very sample."""

from __future__ import annotations

from dataclasses import dataclass

from .playhead import Playhead


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened at the speaker: `at` that many samples since the device began, at that playhead."""

    at: int
    playhead: Playhead


@dataclass(frozen=True, slots=True)
class FirstSample(Happening):
    """The first sample of a reply left the speaker."""


@dataclass(frozen=True, slots=True)
class LastSample(Happening):
    """A reply has been played to its end."""


@dataclass(frozen=True, slots=True)
class Dry(Happening):
    """A reply had to wait for the network; told when it goes on, since only then is it sure."""


@dataclass(frozen=True, slots=True)
class Silent(Happening):
    """The output is silent after a flush: the answer to the verdict `seq`."""

    seq: int
