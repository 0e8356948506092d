"""Room: who gets a place, and what those are told who get none."""

from __future__ import annotations

import math

import pytest

from parley.v1 import stream_pb2 as wire
from services.common.errors import FullFault, SettingsFault
from services.common.promptness import Promptness
from services.common.room import Room
from services.common.settings import Environment


class Slow(Promptness):
    """A loop that is late, or not."""

    late = True

    @property
    def is_late(self) -> bool:
        """Tell what the test wants."""
        return self.late


def test_the_last_place_is_the_last() -> None:
    """One more is refused, retryably and in words for people, and counted."""
    room = Room("vad", 2)
    room.admit(0, resumes=False)
    room.admit(1, resumes=False)
    with pytest.raises(FullFault, match="vad holds its 2 sessions; try again in a moment, or another server") as full:
        room.admit(2, resumes=False)
    told = full.value.to_wire()
    assert (told.code, told.retryable) == (wire.Error.CODE_FULL, True)
    assert room.refused == {"full": 1}


def test_those_who_have_lost_theirs_get_a_quarter_more() -> None:
    """A session that goes on here has nowhere else to go; but memory has an end for them as well."""
    room = Room("vad", 8)
    for held in (8, 9):
        with pytest.raises(FullFault):
            room.admit(held, resumes=False)
        room.admit(held, resumes=True)
    with pytest.raises(FullFault):
        room.admit(10, resumes=True)


def test_a_late_loop_takes_nobody_new() -> None:
    """And everybody who goes on; as soon as it is prompt again it takes new ones."""
    loop = Slow()
    room = Room("broker", 8, loop)
    with pytest.raises(FullFault, match="broker is too busy with the sessions it has; try again"):
        room.admit(1, resumes=False)
    room.admit(1, resumes=True)
    assert room.refused == {"late": 1}
    loop.late = False
    room.admit(1, resumes=False)


def test_its_settings_have_bounds_and_names() -> None:
    """What is set counts; 0 milliseconds means that no loop is ever too late; nonsense names its variable."""
    room = Room.read(Environment({"PARLEY_MAX_SESSIONS": "7", "PARLEY_MAX_LATE_MS": "0"}), "egress", 300)
    assert room.most == 7
    assert room.promptness._late_s == math.inf
    assert Room.read(Environment({}), "egress", 300).most == 300
    for name in ("PARLEY_MAX_SESSIONS", "PARLEY_MAX_LATE_MS"):
        with pytest.raises(SettingsFault, match=name):
            Room.read(Environment({name: "many"}), "egress", 300)
