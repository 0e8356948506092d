"""Who waits in the house, and who gets a place in it."""

from __future__ import annotations

import pytest

from services.common.errors import FullFault
from services.ingress.admission import Admission, Place
from services.ingress.limits import Limits
from services.ingress.parked import Parked


def test_the_oldest_gives_way_first() -> None:
    """Who came back, or is over, gives way no more; who waits already waits no longer for it."""
    parked = Parked[str]()
    for name in ("a", "b", "c", "a"):
        parked.add(name)
    parked.remove("b")
    parked.remove("unknown")
    assert [parked.take_oldest() for _ in range(3)] == ["a", "c", None]


def test_a_full_house_makes_room_if_it_can() -> None:
    """Else the caller goes elsewhere; a place is given back once."""
    waiting: list[Place] = []
    admission = Admission(Limits(max_sessions=2), lambda: waiting.pop().free() if waiting else None)
    first, second = admission.place(), admission.place()
    with pytest.raises(FullFault, match="holds its 2 sessions"):
        admission.place()
    waiting.append(first)
    third = admission.place()
    first.free()
    with pytest.raises(FullFault):
        admission.place()
    for place in (second, third):
        place.free()
    admission.place()


def test_who_comes_back_needs_no_second_place() -> None:
    """Its session has one, which it gives back in a moment."""
    admission = Admission(Limits(max_sessions=1), lambda: None)
    first = admission.place()
    again = admission.place(replaces=True)
    first.free()
    with pytest.raises(FullFault):
        admission.place()
    again.free()
    admission.place()


def test_a_house_that_closes_takes_nobody() -> None:
    """Neither new callers nor such as come back: they are to go to another one."""
    admission = Admission(Limits(), lambda: None)
    admission.stop()
    for replaces in (False, True):
        with pytest.raises(FullFault, match="going away"):
            admission.place(replaces=replaces)


def test_who_comes_back_gets_a_place_that_nobody_new_gets() -> None:
    """A quarter of the places more: a caller's own may be lost with another ingress."""
    admission = Admission(Limits(max_sessions=4), lambda: None)
    for _ in range(4):
        admission.place()
    with pytest.raises(FullFault):
        admission.place()
    admission.place(resumes=True)
    with pytest.raises(FullFault):
        admission.place(resumes=True)
