"""Wire: one direction of a connection between pods, and what waits on it. A core without I/O; time is given."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import Final, Generic, TypeVar

from tests.net.rule import Rule

FREE: Final = Rule()
_MS: Final = 1000.0

Packet = TypeVar("Packet")


class Fate(Enum):
    """What becomes of a packet that is put on a wire."""

    THROUGH = "through"
    """It is at the other end already."""
    HELD = "held"
    """It arrives later: `released` gives it."""
    DROPPED = "dropped"
    """It never arrives."""


class Wire(Generic[Packet]):
    """`put(packet, size, now) -> Fate`; what was held comes out of `released(now)`, in the order in which it went in.

    A packet first waits until the wire has passed on what was there before it, then takes the time that it needs at
    the wire's rate, then the delay.
    """

    def __init__(self, rule: Rule, chance: random.Random) -> None:
        self._rule = rule
        self._chance = chance
        self._held: deque[tuple[float, Packet]] = deque()
        self._sent_s = 0.0
        """When all that was put so far will have passed the narrow place."""
        self._last_s = 0.0
        """When the last one arrives; nothing overtakes it."""

    @property
    def is_free(self) -> bool:
        """Tell whether it does nothing, and holds nothing."""
        return self._rule == FREE and not self._held

    @property
    def due_s(self) -> float:
        """When the next packet arrives; infinity when none is on its way."""
        return self._held[0][0] if self._held else float("inf")

    def put(self, packet: Packet, size: int, now_s: float) -> Fate:
        """Take a packet of so many bytes."""
        rule = self._rule
        if rule.cut or (rule.loss and self._chance.random() < rule.loss):
            return Fate.DROPPED
        arrives_s = now_s
        if rule.bytes_per_s:
            begins_s = max(now_s, self._sent_s)
            if (begins_s - now_s) * rule.bytes_per_s + size > rule.queue_bytes:
                return Fate.DROPPED
            arrives_s = self._sent_s = begins_s + size / rule.bytes_per_s
        arrives_s += (rule.delay_ms + rule.jitter_ms * self._chance.random()) / _MS
        if arrives_s <= now_s and not self._held:
            return Fate.THROUGH
        self._last_s = max(self._last_s, arrives_s)
        self._held.append((self._last_s, packet))
        return Fate.HELD

    def released(self, now_s: float) -> Iterator[Packet]:
        """Give what has arrived by now."""
        while self._held and self._held[0][0] <= now_s:
            yield self._held.popleft()[1]

    def change(self, rule: Rule) -> list[Packet]:
        """Put another rule in force, and return what was on the wire: it has arrived, or is lost if the wire is cut."""
        held = [packet for _, packet in self._held]
        self._held.clear()
        self._rule, self._sent_s, self._last_s = rule, 0.0, 0.0
        return held
