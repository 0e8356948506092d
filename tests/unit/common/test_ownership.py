"""Ownership: the highest (lease, dial) counts, and a late waker is refused even when nobody is there any more."""

from __future__ import annotations

import pytest

from parley.v1 import stream_pb2 as wire
from services.common import ownership
from services.common.errors import ProtocolFault, Superseded, VersionFault
from services.common.ownership import Ownership, checked


def opened(lease: int, dial: int, session: str = "s") -> wire.StreamOpen:
    """Return the first message of a stream."""
    return wire.StreamOpen(protocol=ownership.PROTOCOL, session=session, lease=lease, dial=dial)


class Watch:
    """Counts how often it was superseded."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.mark.parametrize("later", [(1, 2), (2, 1)])
def test_a_higher_claim_ends_the_lower(later: tuple[int, int]) -> None:
    """A re-dial or a takeover ends the stream before it, once; the old stream's end does not free the session."""
    owners, first, second = Ownership(), Watch(), Watch()
    with owners.claim(opened(1, 1), first):
        with owners.claim(opened(*later), second):
            assert first.count == 1
        assert len(owners) == 0
    assert (first.count, second.count) == (1, 0)


@pytest.mark.parametrize("late", [(2, 1), (2, 0), (1, 9)])
def test_a_claim_that_is_not_higher_is_refused(late: tuple[int, int]) -> None:
    """The same dial twice, an older dial and an older lease are refused, and the living stream goes on."""
    owners, living = Ownership(), Watch()
    with owners.claim(opened(2, 1), living):
        with pytest.raises(Superseded, match="later connection"), owners.claim(opened(*late), Watch()):
            pass
        assert len(owners) == 1
    assert living.count == 0


def test_a_stream_that_goes_on_under_a_later_lease_is_not_ended_by_an_earlier_one() -> None:
    """An ingress that was cut off dials another vad, which dials the broker: the session is somebody else's by then."""
    owners, living = Ownership(), Watch()
    with owners.claim(opened(1, 1), living) as claim:
        owners.rise(claim, opened(5, 1))
        with pytest.raises(Superseded), owners.claim(opened(1, 3), Watch()):
            pass
        assert living.count == 0
        with owners.claim(opened(5, 2), Watch()):
            assert living.count == 1


def test_a_late_waker_is_refused_after_the_session_has_gone() -> None:
    """A stage that was frozen while others took over can't take the session back when it wakes."""
    owners = Ownership()
    with owners.claim(opened(5, 1), Watch()):
        pass
    with pytest.raises(Superseded), owners.claim(opened(4, 7), Watch()):
        pass
    with owners.claim(opened(5, 2), Watch()):
        assert len(owners) == 1


def test_sessions_do_not_touch_each_other() -> None:
    """A high lease of one session says nothing about another."""
    owners, watch = Ownership(), Watch()
    with owners.claim(opened(9, 9, "a"), watch), owners.claim(opened(1, 1, "b"), watch):
        assert len(owners) == 2
    assert watch.count == 0


def test_old_sessions_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: the oldest session's number goes first."""
    monkeypatch.setattr(ownership, "_REMEMBERED", 2)
    owners = Ownership()
    for session in ("a", "b", "c"):
        with owners.claim(opened(5, 1, session), Watch()):
            pass
    with owners.claim(opened(1, 1, "a"), Watch()):
        pass
    with pytest.raises(Superseded), owners.claim(opened(1, 1, "c"), Watch()):
        pass


def test_a_stream_must_open_well() -> None:
    """No open, another version and no session are each told in words."""
    good = opened(1, 1)
    assert checked("open", good) is good
    with pytest.raises(ProtocolFault, match="must be open, not audio"):
        checked("audio", good)
    with pytest.raises(ProtocolFault, match="not empty"):
        checked(None, good)
    with pytest.raises(VersionFault, match="not 7"):
        checked("open", wire.StreamOpen(protocol=7, session="s"))
    with pytest.raises(ProtocolFault, match="no session"):
        checked("open", wire.StreamOpen(protocol=1))
