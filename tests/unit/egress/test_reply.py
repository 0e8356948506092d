"""A reply's buffer: samples by position, each once, given again on demand, and let go when they were played."""

from __future__ import annotations

import pytest

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as wire
from services.common.errors import LimitFault, ProtocolFault
from services.egress import reply as reply_module
from services.egress.reply import ReplyBuffer
from tests.unit.egress.sounds import HZ, pcm


def filled(samples: int) -> ReplyBuffer:
    """Return a buffer with so many samples."""
    reply = ReplyBuffer(1)
    reply.append(0, pcm(0, samples))
    return reply


def test_pieces_come_out_as_one_run() -> None:
    """Whatever the pieces given, those taken follow each other."""
    reply = ReplyBuffer(1)
    reply.append(0, pcm(0, 300))
    reply.append(300, pcm(300, 50))
    assert reply.take(100) == (0, pcm(0, 100))
    assert reply.take(1_000) == (100, pcm(100, 250))
    assert reply.take(10) == (350, b"")


def test_what_overlaps_is_taken_once() -> None:
    """A broker that took over gives again what we may have: only what is new is added."""
    reply = filled(300)
    reply.append(100, pcm(100, 400))
    reply.append(0, pcm(0, 200))
    assert reply.end == 500
    assert reply.take(500) == (0, pcm(0, 500))


def test_a_hole_is_a_fault() -> None:
    """Inside the ring nothing is dropped, so a jump means that the peer is broken."""
    with pytest.raises(ProtocolFault, match="jumps from sample 300 to 301"):
        filled(300).append(301, pcm(301, 10))


def test_too_much_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that doesn't mind the limit can't fill the memory."""
    monkeypatch.setattr(reply_module, "MAX_HELD_S", 1)
    reply = filled(HZ)
    with pytest.raises(LimitFault, match="more than 1 s ahead"):
        reply.append(HZ, pcm(HZ, 1))


def test_it_is_sent_when_it_is_complete_and_taken() -> None:
    """Neither alone is the end."""
    reply = filled(10)
    reply.take(10)
    assert not reply.is_sent
    reply.is_complete = True
    assert reply.is_sent
    reply.append(10, pcm(10, 1))
    assert not reply.is_sent


def test_played_samples_are_let_go_and_the_rest_can_be_sent_again() -> None:
    """Memory shrinks as playout goes on; a rewind reaches back to what is still held, no further."""
    reply = filled(10 * HZ)
    reply.take(5 * HZ)
    reply.note_played(3 * HZ)
    assert len(reply._pcm) == 2 * 7 * HZ
    assert reply.end == 10 * HZ
    reply.rewind(4 * HZ)
    assert reply.take(10) == (4 * HZ, pcm(4 * HZ, 10))
    reply.rewind(0)
    assert reply.take(10) == (3 * HZ, pcm(3 * HZ, 10))


def test_what_was_not_sent_is_never_let_go() -> None:
    """A report beyond what was sent is wrong and costs nothing."""
    reply = filled(10 * HZ)
    reply.take(2 * HZ)
    reply.note_played(9 * HZ)
    assert reply.take(10) == (2 * HZ, pcm(2 * HZ, 10))


def test_a_rewind_sends_the_end_again() -> None:
    """A new ingress has not heard of it."""
    reply = filled(100)
    reply.is_complete = reply.is_end_told = True
    reply.take(100)
    reply.rewind(50)
    assert not reply.is_end_told
    assert not reply.is_sent


def test_it_may_begin_in_its_middle() -> None:
    """A new egress is given what the client has not heard; from there on it is a reply like any other."""
    reply = ReplyBuffer(1)
    reply.append(700, pcm(700, 300))
    assert (reply.end, reply.sent, reply.unsent) == (1_000, 700, 300)
    assert reply.take(100) == (700, pcm(700, 100))
    reply.append(500, pcm(500, 600))
    assert reply.take(1_000) == (800, pcm(800, 300))
    reply.rewind(0)
    assert reply.take(10) == (700, pcm(700, 10))
    with pytest.raises(ProtocolFault, match="jumps from sample 1100 to 1101"):
        reply.append(1_101, pcm(1_101, 1))


def test_what_is_wanted_can_be_known_before_it_comes() -> None:
    """A place in a reply of which nothing is here yet: what lies before it is not sent."""
    reply = ReplyBuffer(1)
    reply.rewind(200)
    assert reply.unsent == 0
    reply.append(0, pcm(0, 150))
    assert reply.unsent == 0
    reply.append(150, pcm(150, 150))
    assert reply.take(1_000) == (200, pcm(200, 100))
    beginning = ReplyBuffer(2)
    beginning.rewind(200)
    beginning.append(100, pcm(100, 200))
    assert beginning.take(1_000) == (200, pcm(200, 100))


def test_its_beginning_told_again_changes_nothing() -> None:
    """What was added to its turn's account meanwhile stays."""
    reply = ReplyBuffer(1)
    started = wire.ReplyStarted(reply=1, turn=7, stages=[client.TurnReport.Stage(name="vad.endpoint", ms=5)])
    reply.begin(started)
    reply.stage("egress.first_frame", 0.01)
    reply.begin(started)
    assert [stage.name for stage in reply.stages] == ["vad.endpoint", "egress.first_frame"]
