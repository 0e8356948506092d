"""The backlog: a burst is heard in slices and in order, and is known to be the past until the present has come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import vad_service_pb2 as wire
from services.common.errors import LimitFault, ParleyError
from services.vad.backlog import MOST_WAITING, SLICE_MS, Backlog


class Line:
    """A backlog whose clock and event loop are in our hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.turns: deque[Callable[[], None]] = deque()
        self.taken: list[wire.ListenRequest] = []
        self.faults: list[ParleyError] = []
        self.breaks = False
        self.backlog = Backlog(self._take, self.faults.append, lambda: self.now_s, self.turns.append)

    def _take(self, request: wire.ListenRequest) -> None:
        if self.breaks:
            raise LimitFault("the broker does not read")
        self.taken.append(request)

    def sound(self, frames: int, *, apart_ms: float = 0) -> None:
        """Frames of 20 ms come."""
        for _ in range(frames):
            self.now_s += apart_ms / 1000
            self.backlog.put(wire.ListenRequest(audio=audio.AudioFrame(pcm=bytes(640))))

    def turn(self) -> int:
        """Let the event loop turn once; return how many messages were taken in it."""
        before = len(self.taken)
        for _ in range(len(self.turns)):
            self.turns.popleft()()
        return len(self.taken) - before


def test_sound_in_time_is_heard_as_it_comes() -> None:
    """And after a hiccup of the network nearly so: that is no past."""
    line = Line()
    line.sound(200, apart_ms=20)
    assert (len(line.taken), len(line.turns)) == (200, 0)
    line.now_s += 0.6
    line.sound(30)
    for _ in range(100):
        assert not line.backlog.is_past
        line.turn()
        line.sound(1, apart_ms=20)
    assert len(line.taken) == 330


def test_a_minute_at_once_is_heard_bit_by_bit() -> None:
    """No turn of the event loop takes longer for it; and all of it is the past."""
    line = Line()
    line.sound(3_000)
    assert len(line.taken) == SLICE_MS // 20
    while line.turns:
        assert line.backlog.is_past
        assert line.turn() <= SLICE_MS // 20
    assert len(line.taken) == 3_000
    assert line.backlog.waited_ms == 60_000 - SLICE_MS


def test_the_present_has_come_when_sound_takes_its_time_again() -> None:
    """A burst may come in pieces, each smaller than a slice: it is the past for all that."""
    line = Line()
    for number in range(40):
        line.now_s += 0.005
        line.sound(10)
        while line.turns:
            line.turn()
        assert line.backlog.is_past == (number > 4)
    for number in range(12):
        line.sound(1, apart_ms=20)
        while line.turns:
            line.turn()
        assert line.backlog.is_past == (number < 9)


def test_a_key_keeps_its_place() -> None:
    """What was pressed after the sound is heard after it."""
    line = Line()
    line.sound(100)
    line.backlog.put(wire.ListenRequest(interrupt=client.ConverseRequest.Interrupt()))
    line.sound(100)
    while line.turns:
        line.turn()
    places = [place for place, request in enumerate(line.taken) if request.HasField("interrupt")]
    assert places == [100]


def test_nothing_is_taken_while_it_is_held() -> None:
    """And everything when it is released, in order."""
    line = Line()
    line.backlog.hold()
    line.backlog.put(wire.ListenRequest(mute=client.Mute(muted=True)))
    line.sound(3)
    assert not line.taken
    assert not line.turns
    line.backlog.release()
    assert line.turn() == 4
    line.sound(1)
    assert len(line.taken) == 5


def test_a_fault_ends_its_session_and_no_other() -> None:
    """It is told to whom it concerns; what waits can be forgotten."""
    line = Line()
    line.sound(200)
    line.breaks = True
    line.turn()
    assert [type(fault) for fault in line.faults] == [LimitFault]
    line.backlog.clear()
    assert len(line.backlog) == 0


def test_it_is_bounded() -> None:
    """More than ingress can have kept is a fault of its own."""
    line = Line()
    line.backlog.hold()
    line.sound(MOST_WAITING)
    with pytest.raises(LimitFault):
        line.sound(1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 80), st.integers(0, 60), st.booleans()), max_size=20))
def test_whatever_comes_it_is_taken_once_and_in_order(steps: list[tuple[int, int, bool]]) -> None:
    """Bursts, pauses, turns of the loop."""
    line, put = Line(), 0
    for frames, apart_ms, turns in steps:
        for _ in range(frames):
            line.now_s += apart_ms / 1000
            line.backlog.put(wire.ListenRequest(audio=audio.AudioFrame(mic_offset=put, pcm=bytes(640))))
            put += 1
        if turns:
            line.turn()
    while line.turns:
        line.turn()
    assert [request.audio.mic_offset for request in line.taken] == list(range(put))
