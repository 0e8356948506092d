"""The schedule: audio goes out no earlier than the lead allows, in pieces worth a message, and a stall moves it."""

from __future__ import annotations

import pytest

from services.egress.schedule import Schedule

HZ = 24_000
WHOLE = 240_000


def test_the_lead_goes_out_at_once() -> None:
    """The first piece is as long as the lead: it is what carries the client over the network's jitter."""
    assert Schedule(5.0, 0, lead_ms=100).sendable(5.0, 0, WHOLE) == 2_400


@pytest.mark.parametrize(("lead_ms", "piece_ms"), [(80, 40), (100, 60), (120, 80), (400, 80)])
def test_it_goes_on_in_pieces_as_long_as_the_lead_allows(lead_ms: int, piece_ms: int) -> None:
    """Until so much has become due nothing is sent: messages cost, not bytes. The listener keeps 40 ms in hand."""
    schedule = Schedule(5.0, 0, lead_ms=lead_ms)
    sent = lead_ms * 24
    assert schedule.due_s(sent, WHOLE) == pytest.approx(5 + piece_ms / 1000)
    assert schedule.sendable(5 + (piece_ms - 1) / 1000, sent, WHOLE) == 0
    assert schedule.sendable(5 + (piece_ms + 1) / 1000, sent, WHOLE) == pytest.approx((piece_ms + 1) * 24, abs=30)


def test_a_short_lead_makes_short_pieces() -> None:
    """A client that wants 60 ms gets pieces of 20 ms: longer ones would eat the lead up."""
    schedule = Schedule(0.0, 0, lead_ms=60)
    assert schedule.sendable(0.0, 0, WHOLE) == 1_440
    assert schedule.sendable(0.021, 1_440, WHOLE) == pytest.approx(504, abs=2)


def test_what_is_left_goes_out_however_short() -> None:
    """The last piece, and what a slow model has given so far, don't wait for a whole piece."""
    schedule = Schedule(0.0, 0, lead_ms=100)
    assert schedule.sendable(0.0, 0, 500) == 500
    assert schedule.sendable(0.0, 500, 500) == 0
    assert schedule.sendable(0.0, 500, 510) == 10


def test_it_can_begin_in_the_middle() -> None:
    """After a takeover the next sample wanted is the first that is heard."""
    schedule = Schedule(9.0, 48_000, lead_ms=100)
    assert schedule.heard(9.0) == 48_000
    assert schedule.sendable(9.0, 48_000, WHOLE) == 2_400


def test_a_stall_of_the_model_moves_the_schedule() -> None:
    """The listener heard nothing meanwhile: what comes now is not caught up on, the lead stays the lead."""
    schedule = Schedule(0.0, 0, lead_ms=100)
    schedule.note_dry(0.05, 2_400)
    assert schedule.stalls == 0, "the lead still plays"
    schedule.note_dry(0.3, 2_400)
    schedule.note_dry(0.4, 2_400)
    assert schedule.stalls == 1
    assert schedule.sendable(1.0, 2_400, WHOLE) == pytest.approx(2_400, abs=1)
    assert schedule.heard(1.0) == pytest.approx(2_400, abs=1)


def test_a_model_that_is_late_within_the_lead_moves_nothing() -> None:
    """As long as the listener has something to hear, there is no stall."""
    schedule = Schedule(0.0, 0, lead_ms=100)
    schedule.note_dry(0.09, 2_400)
    assert schedule.sendable(0.095, 2_400, WHOLE) == 2_280
    assert schedule.stalls == 0


def test_a_process_that_was_asleep_does_not_catch_up() -> None:
    """A pause of our own is a stall for the listener as well: afterwards no burst fills the client beyond the lead."""
    schedule = Schedule(0.0, 0, lead_ms=100)
    assert schedule.sendable(0.7, 2_400, WHOLE) == pytest.approx(2_400, abs=1)
