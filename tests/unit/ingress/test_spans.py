"""Spans of ingress: the client's reports get their time, and its silence is a span."""

from __future__ import annotations

from parley.v1 import audio_pb2 as audio
from parley.v1 import session_pb2 as session
from services.common.tracing.context import TraceContext, mint
from services.common.tracing.tracing import Tracing
from services.ingress.spans import LISTEN, TOPIC, Spans
from tests.fakes.spans import Traced, Wall

Kind = session.Interrupt


def test_a_report_is_told_when_it_was() -> None:
    """By the promptest of its frames, not by when the report came; also where no spans are sent from here."""
    wall = Wall()
    spans = Spans(Tracing(), wall)
    for number, late_s in enumerate((0.05, 0.0, 0.3), 1):
        wall.now_s = 1_000_000.0 + number * 0.02 + late_s
        spans.hear(number * 320)
    report = audio.Playback(mic_offset=16_000, at_us=1)
    spans.stamp(report)
    assert report.at_us == 1_000_001_000_000


def test_before_anything_was_heard_no_time_is_known() -> None:
    """And what a client wrote there itself does not count."""
    report = audio.Flushed(mic_offset=16_000, at_us=1)
    Spans(Tracing()).stamp(report)
    assert report.at_us == 0


def test_an_interruption_reaches_ingress_and_silences_the_client() -> None:
    """Whichever way comes first counts; silence is when the client says it was."""
    s, turn = Traced(), mint()
    spans = Spans(s.tracing, s.wall)
    spans.belongs_to("s-1")
    cancel = Kind(seq=1, kind=Kind.KIND_CANCEL, traceparent=turn, decided_at_us=1_000_001_000_000)
    s.at(1.002)
    spans.cancelled(cancel, LISTEN)
    spans.told_flush(1)
    s.at(1.004)
    spans.cancelled(cancel, TOPIC)
    spans.silent(audio.Flushed(seq=1, reply=1, mic_offset=16_320, at_us=1_000_001_020_000))
    spans.silent(audio.Flushed(seq=1, reply=1))
    assert s.only("interrupt.fanout")[:2] == (1.0, 1.002)
    start_s, end_s, known = s.only("client.silent")
    assert (start_s, end_s, known["reply"], known["mic_offset"]) == (1.002, 1.02, 1, 16_320)
    assert {span.parent for span in s.tracing.spans} == {TraceContext.parse(turn)}
    assert {span.attributes["gen_ai.conversation.id"] for span in s.tracing.spans} == {"s-1"}


def test_a_duck_is_no_interruption() -> None:
    """Only cancels fan out."""
    s = Traced()
    Spans(s.tracing, s.wall).cancelled(Kind(seq=1, kind=Kind.KIND_DUCK, traceparent=mint()), LISTEN)
    assert s.tracing.spans == []
