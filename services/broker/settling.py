"""Settling: replies that an interrupt killed, until it is known how much of them was heard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from parley.v1 import egress_service_pb2 as egress
from services.broker.reply import Reply

FLUSH_WAIT_S: Final = 0.25
"""How long an answer waits for the client's word on what was played; then the last report is extrapolated."""

UNHURRIED_WAIT_S: Final = 1.0
"""And how long when no answer does, which is the rule: who interrupts speaks on. Lost packets cost TCP 0.2 to 0.8 s."""

Heard = tuple[int, int]
"""The reply at which the listener's output fell silent, and its position: earlier ones were heard whole, later not."""


@dataclass
class Settling:
    """The dead replies of one interrupt."""

    seq: int
    dead: list[Reply]
    interrupted_s: float

    def is_due(self, now_s: float, *, is_urgent: bool) -> bool:
        """Say whether the client's word has been waited for long enough; urgent: an answer waits for it, too."""
        return now_s >= self.interrupted_s + (FLUSH_WAIT_S if is_urgent else UNHURRIED_WAIT_S)

    def note_played(self, played: egress.Played, now_s: float) -> None:
        """Take a report in passing: it sharpens the guess."""
        for reply in self.dead:
            if reply.number == played.reply:
                reply.note_played(played.position, now_s)

    def answered(self, played: egress.Played) -> Heard:
        """Return what the answer to a Flush says. A later interrupt's answer may be about a later reply only."""
        if played.flushed_seq == self.seq or played.reply in [reply.number for reply in self.dead]:
            return played.reply, played.position
        return self.guess()

    def guess(self) -> Heard:
        """Return what was probably heard: the last report, extrapolated to the moment of the interrupt."""
        reported = [reply for reply in self.dead if reply.played_at_s is not None]
        if not reported:
            return 0, 0
        return reported[-1].number, reported[-1].estimate(self.interrupted_s)
