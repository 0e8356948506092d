"""The desktop client's whole sound path in virtual time: what a piece that is late does to a reply."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.engine.virtual_time import run

from .fake_ring import FLIGHT_S, LEAD_SAMPLES, FakeRing
from .signals import reply_samples
from .test_line import Talk

REPLY = 4 * 24_000
LEAD_S = 0.2
STANDS_STILL_S = 1.5
FRAME_S = 0.02


@dataclass
class LateRing(FakeRing):
    """Sends the lead of 200 ms at once and the rest in time, but for a piece that is late by so much."""

    late_s: float = 0.0

    def due(self, now_s: float) -> int:
        """Return how far the reply may have been sent by now."""
        is_late = STANDS_STILL_S < now_s < STANDS_STILL_S + self.late_s
        sent_s = (STANDS_STILL_S if is_late else now_s) + LEAD_S - LEAD_SAMPLES / 24_000
        return super().due(sent_s) if now_s >= self.reply_begins_s else 0


def heard(late_s: float) -> tuple[Talk, NDArray[np.intp]]:
    """Have a reply spoken; return what became of it, and where the speaker sounded."""

    async def converse() -> Talk:
        talk = Talk(LateRing(reply_samples=REPLY, late_s=late_s))
        talk.device.hush()
        await talk.for_s(6)
        return talk

    talk = run(converse())
    played = talk.device.recording().assistant()
    sounding = np.flatnonzero(played)
    assert np.array_equal(played[sounding], reply_samples(1, 0, REPLY))
    return talk, sounding


def test_a_piece_that_is_150_ms_late_is_not_heard() -> None:
    """The lead of 200 ms rides it out: the reply begins at its first piece, and has no gap."""
    talk, sounding = heard(0.15)
    assert sounding[-1] - sounding[0] + 1 == REPLY
    assert sounding[0] / 24_000 - talk.ring.reply_begins_s - FLIGHT_S <= 2 * FRAME_S
    assert talk.conversation.quality.underruns == 0
    assert talk.conversation.quality.gap_ms == 0


def test_a_piece_that_is_later_than_the_lead_is_heard_as_one_gap() -> None:
    """So the other test would see one; nothing of the reply is lost by it."""
    talk, sounding = heard(0.3)
    assert talk.conversation.quality.underruns == 1
    gap_ms = (sounding[-1] - sounding[0] + 1 - REPLY) / 24
    assert gap_ms == pytest.approx(talk.conversation.quality.gap_ms, abs=1)
    assert gap_ms == pytest.approx(100, abs=60)
