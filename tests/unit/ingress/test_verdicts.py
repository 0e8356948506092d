"""Verdicts through changes of vad, and what a client that comes back has missed of them."""

from __future__ import annotations

import pytest

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2
from services.ingress.verdicts import ROOM, SETTLE_MS, Verdicts

Interrupt = session_pb2.Interrupt
CANCEL, DUCK, RELEASE = Interrupt.KIND_CANCEL, Interrupt.KIND_DUCK, Interrupt.KIND_RELEASE


def take(
    verdicts: Verdicts, seq: int, kind: Interrupt.Kind.ValueType = CANCEL, floor: int | None = None, playing: int = 1
) -> str | None:
    """Take a verdict, in band if it has a floor; return the kind of what the client is told."""
    interrupt = Interrupt(seq=seq, kind=kind, floor=floor or 0)
    told = verdicts.take(interrupt, playing=playing, has_floor=floor is not None)
    return None if told is None else told.WhichOneof("message")


def test_the_cancel_that_was_never_settled_is_known() -> None:
    """From the moment it came until its floor, or a later one's, has come in band."""
    verdicts = Verdicts()
    assert verdicts.unsettled is None
    take(verdicts, 3)
    assert verdicts.unsettled is not None
    assert verdicts.unsettled.seq == 3
    take(verdicts, 5)
    take(verdicts, 3, floor=1)
    assert verdicts.unsettled.seq == 5
    take(verdicts, 5, floor=2)
    assert verdicts.unsettled is None


def test_numbers_leave_room_each_time() -> None:
    """Above the highest that was seen, and above those that a vad which was lost again may have given out."""
    verdicts = Verdicts()
    take(verdicts, 3)
    assert verdicts.reserve() == 3 + ROOM
    assert verdicts.reserve() == 3 + 2 * ROOM
    take(verdicts, 100)
    assert verdicts.reserve() == 100 + ROOM


def test_what_a_lost_vad_says_late_is_void() -> None:
    """By a fast way; in band it counts, since the broker has carried it out."""
    verdicts = Verdicts()
    take(verdicts, 1, floor=1)
    verdicts.change_vad(verdicts.reserve())
    assert take(verdicts, 2) is None
    assert not verdicts.gate.is_shut
    assert take(verdicts, 3, floor=2) == "flush"
    assert take(verdicts, 1 + ROOM + 1) == "flush"


def test_a_lost_vad_s_duck_is_undone() -> None:
    """By a number of the room that was left, so that the next vad's own first word counts."""
    verdicts = Verdicts()
    take(verdicts, 4, DUCK)
    reserved = verdicts.reserve()
    told = verdicts.change_vad(reserved)
    assert told == client.ConverseResponse(release=client.Release(seq=5))
    assert verdicts.change_vad(reserved) is None
    assert take(verdicts, reserved + 1, DUCK) == "duck"
    assert take(verdicts, reserved + 2, RELEASE) == "release"
    assert verdicts.change_vad(verdicts.reserve()) is None


def test_a_gate_that_nobody_opens_opens_by_itself() -> None:
    """Some seconds after a takeover, above all that the client was given; without a takeover it waits."""
    verdicts = Verdicts()
    take(verdicts, 1, playing=4)
    verdicts.tick(10 * SETTLE_MS, 4)
    assert verdicts.gate.is_shut
    verdicts.change_vad(verdicts.reserve())
    verdicts.tick(SETTLE_MS, 4)
    assert verdicts.gate.is_shut
    verdicts.tick(1, 4)
    assert not verdicts.gate.is_shut
    assert not verdicts.gate.passes(4)
    assert verdicts.gate.passes(5)


@pytest.mark.parametrize(
    ("seen", "playing", "told"),
    [
        (5, 2, client.ConverseResponse(flush=client.Flush(seq=7, floor=2))),
        (5, 3, client.ConverseResponse(release=client.Release(seq=7))),
        (5, 0, client.ConverseResponse(release=client.Release(seq=7))),
        (7, 2, None),
        (9, 2, None),
    ],
)
def test_what_a_client_has_missed(seen: int, playing: int, told: client.ConverseResponse | None) -> None:
    """A cancel of what it plays is a flush; of anything else it needs no more than to play at its full level."""
    assert Verdicts(7, 2, seen).catch_up(seen, playing) == told


def test_a_cancel_of_the_past_flushes_nothing() -> None:
    """Egress tells its floor to whoever attaches; what the client plays is above it."""
    verdicts = Verdicts()
    assert take(verdicts, 7, floor=2, playing=3) is None
    assert verdicts.gate.floor == 2
    assert take(verdicts, 8, floor=3, playing=3) == "flush"


def test_a_session_from_elsewhere_goes_on_with_its_numbers() -> None:
    """What the record and the client know is old; the next verdict counts."""
    verdicts = Verdicts(7, 2, 9)
    assert take(verdicts, 9, DUCK) is None
    assert take(verdicts, 10, DUCK) == "duck"
    assert not verdicts.gate.passes(2)
    assert Verdicts(7, 2, 9).reserve() == 9 + ROOM
