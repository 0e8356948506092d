"""What a client did in a scene, with its moments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .scenes import TICK_MS


class Sent(NamedTuple):
    """A message of the client's."""

    at_ms: int
    over: int
    """Which of the calls that reached a server it came over, from 1."""
    message: dict[str, Any]
    """In protobuf's JSON mapping; a microphone frame without its sound."""
    samples: int = 0
    """Of the microphone."""
    silent: bool = False
    """Whether they are all zeros."""

    @property
    def kind(self) -> str:
        """Its name in JSON."""
        return next(iter(self.message), "")


@dataclass
class Journal:
    """Written while a scene is played, read afterwards."""

    calls_ms: list[int] = field(default_factory=list)
    """When a server was called, in vain or not."""
    sent: list[Sent] = field(default_factory=list)
    output: dict[int, NDArray[np.int16]] = field(default_factory=dict, repr=False)
    """The sound of each tick, by its moment; where the client was not asked there is none."""
    states: dict[int, str] = field(default_factory=dict)
    """The client's state after each moment."""

    def sound(self, from_ms: int, until_ms: int, rate_hz: int = 24_000) -> NDArray[np.int16]:
        """Return what came out in the ticks of these moments, both included."""
        silence = np.zeros(rate_hz * TICK_MS // 1000, np.int16)
        moments = range(from_ms, until_ms + TICK_MS, TICK_MS)
        return np.concatenate([self.output.get(moment, silence) for moment in moments])
