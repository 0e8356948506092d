"""Whether a server still lives, by what comes from it."""

from __future__ import annotations

import math

from parley.v1 import conversation_service_pb2 as wire

TICK_S = 0.1
SILENT_S = 1.5
"""A server says something each second; one that takes dropped sessions up again is left after this long."""
SILENT_FOR_GOOD_S = 10.0
"""One that does not take them up is left only then: better a late answer than none."""


class Pulse:
    """Counts in ticks of our own: what this program slept through is not the server's fault."""

    def __init__(self) -> None:
        self._quiet_ticks = 0
        self._beats = False

    @property
    def silent_s(self) -> float:
        """For how long nothing has been heard."""
        return self._quiet_ticks * TICK_S

    def heard(self, response: wire.ConverseResponse) -> None:
        """Take note of a sign of life."""
        self._quiet_ticks = 0
        self._beats |= response.HasField("heartbeat")

    def tick(self, *, resumable: bool) -> bool:
        """Let a tick pass; return whether the server is to be taken for dead.

        One that takes no dropped session up again and never beats may be of those that speak only when spoken to.
        """
        self._quiet_ticks += 1
        longest_s = SILENT_S if resumable else SILENT_FOR_GOOD_S if self._beats else math.inf
        return self.silent_s > longest_s + TICK_S / 2
