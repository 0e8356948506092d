"""Spans of egress: a reply's way to the speaker and to its end, and how it is cut off."""

from __future__ import annotations

import pytest

from parley.v1 import audio_pb2 as audio
from parley.v1 import egress_service_pb2 as wire
from parley.v1 import session_pb2 as session
from services.common.tracing.context import mint
from services.egress.spans import IN_BAND, TOPIC, Spans
from tests.fakes.spans import Traced


def us(after_s: float) -> int:
    """Return a moment as messages have it."""
    return round((1_000_000.0 + after_s) * 1e6)


class Session(Traced):
    """A session that is traced."""

    def __init__(self) -> None:
        super().__init__()
        self.spans = Spans("s-1", self.tracing, self.wall)
        self.turn = mint()

    def begins(self) -> None:
        """A reply whose first audio came 10 ms ago is given, and its first piece sent."""
        self.at(0.01)
        self.spans.begin(wire.ReplyStarted(reply=1, turn=1, traceparent=self.turn, first_audio_us=us(0)))
        self.at(0.012)
        for position in (0, 480):
            self.spans.sent(audio.ReplyAudio(reply=1, position=position, pcm=b"00" * 480))


@pytest.fixture
def s() -> Session:
    """A session that is traced."""
    return Session()


def test_a_reply_that_is_heard_to_its_end(s: Session) -> None:
    """Each span begins where the one before ended; the client's own clock says when the first sample sounded."""
    s.begins()
    s.spans.played(audio.Playback(reply=1, position=480, mic_offset=16_320, at_us=us(0.1)))
    s.spans.played(audio.Playback(reply=1, position=24_480, mic_offset=32_320, at_us=us(1.1)))
    s.spans.played(audio.Playback(reply=1, position=48_000, mic_offset=48_000, at_us=us(2.08), ended=True))
    assert s.only("egress.first_frame")[:2] == (0.0, 0.012)
    start_s, end_s, known = s.only("client.first_sample")
    assert (start_s, end_s, known["mic_offset"], known["reply"]) == (0.012, 0.08, 16_000, 1)
    start_s, end_s, known = s.only("client.playout")
    assert (start_s, end_s, known["played_ms"], known["is_cut_off"]) == (0.08, 2.08, 2000, False)


def test_a_reply_that_is_cut_off(s: Session) -> None:
    """The cancel comes by the topic first: it counts once, and the flush lasts until it has come in band."""
    s.begins()
    s.spans.played(audio.Playback(reply=1, position=0, mic_offset=16_000, at_us=us(0.08)))
    cancel = session.Interrupt(seq=1, floor=1, traceparent=s.turn, decided_at_us=us(1.0))
    s.at(1.001)
    s.spans.cancelled(cancel, TOPIC)
    s.at(1.004)
    s.spans.cancelled(cancel, IN_BAND)
    s.spans.flushed(cancel, 24_000)
    s.spans.silent(audio.Flushed(seq=1, reply=1, position=22_000, at_us=us(1.02)))
    start_s, end_s, known = s.only("interrupt.fanout")
    assert (start_s, end_s, known["stage"], known["way"]) == (1.0, 1.001, "egress", "topic")
    start_s, end_s, known = s.only("egress.flush")
    assert (start_s, end_s, known["dropped_ms"], known["floor"]) == (1.001, 1.004, 1000, 1)
    assert s.only("client.playout")[1:2] == (1.02,)
    assert s.only("client.playout")[2]["is_cut_off"]


def test_the_rest_of_a_reply_that_began_elsewhere_has_no_beginning_here(s: Session) -> None:
    """Who takes over in the middle tells of no first frame."""
    s.spans.begin(wire.ReplyStarted(reply=1, traceparent=s.turn, first_audio_us=us(0)))
    s.spans.sent(audio.ReplyAudio(reply=1, position=24_000, pcm=b"00"))
    s.spans.played(audio.Playback(reply=1, position=24_480, at_us=us(1), ended=True))
    assert s.tracing.spans == []
