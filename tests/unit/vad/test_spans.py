"""Spans of vad: why a turn was over, why a reply was lowered or stopped; the contexts that go on in messages."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from parley.v1 import audio_pb2 as audio
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2
from services.common.errors import ParleyError, PeerLost, RemoteFault
from services.common.tracing.context import TraceContext, mint
from services.vad.parting import BrokerLeaves, Draining, NobodyCameBack
from services.vad.spans import Spans
from tests.fakes.spans import KeptTracing, Traced

Kind = session.Interrupt


def rests_on() -> Mapping[str, float]:
    """What an end rests on."""
    return {"rhythm": 0.5}


class Session(Traced):
    """A session that is traced; its microphone began at 0."""

    def __init__(self, tracing: KeptTracing | None = None) -> None:
        super().__init__(tracing or KeptTracing())
        self.spans = Spans("s-1", self.tracing, self.wall)
        self.turn = mint()
        self.hears(1.0)

    def hears(self, until_s: float) -> None:
        """The microphone comes so far."""
        self.at(until_s)
        self.spans.hear(round(until_s * 16_000))

    def begins(self, number: int = 1) -> None:
        """A turn begins."""
        self.spans.stamp(broker.SpeechStarted(turn=number, traceparent=self.turn), rests_on)


@pytest.fixture
def s() -> Session:
    """A session that is traced."""
    return Session()


def test_the_end_of_a_turn_explains_itself(s: Session) -> None:
    """From the last speech, by the wall clock, to the decision, with all that it rests on."""
    s.begins()
    s.hears(1.4)
    ended = broker.TurnEnded(turn=1, end_offset=16_000, confidence=0.9, waited_ms=400, speech_ms=700)
    s.spans.stamp(ended, rests_on)
    start_s, end_s, known = s.only("vad.endpoint")
    assert (start_s, end_s, known["waited_ms"], known["p_complete"], known["end.rhythm"]) == (1.0, 1.4, 400, 0.9, 0.5)
    assert (ended.spoken_until_us, ended.decided_at_us) == (1_000_001_000_000, 1_000_001_400_000)
    assert s.tracing.spans[0].parent == TraceContext.parse(s.turn)


def test_a_tentative_end_counts_once_it_is_confirmed(s: Session) -> None:
    """And not at all when it is taken back."""
    s.begins()
    s.spans.stamp(broker.TurnEnded(turn=1, end_offset=8_000, tentative=True), rests_on)
    s.spans.stamp(broker.TurnResumed(turn=1), rests_on)
    s.hears(2.0)
    s.spans.stamp(broker.TurnEnded(turn=1, end_offset=24_000, tentative=True), rests_on)
    assert s.tracing.spans == []
    s.hears(2.2)
    s.spans.stamp(broker.TurnConfirmed(turn=1, waited_ms=700, confidence=0.8), rests_on)
    assert s.only("vad.endpoint")[:2] == (1.5, 2.2)


def test_a_turn_that_goes_on_after_its_end(s: Session) -> None:
    """What the person says then is a span: nobody would wonder at the gap."""
    s.begins()
    s.spans.stamp(broker.TurnEnded(turn=1, end_offset=16_000), rests_on)
    s.hears(1.5)
    s.spans.stamp(broker.TurnResumed(turn=1), rests_on)
    s.hears(3.0)
    s.spans.stamp(broker.TurnEnded(turn=1, end_offset=40_000), rests_on)
    assert s.only("person.speech")[:2] == (1.5, 2.5)
    assert len(s.tracing.named("vad.endpoint")) == 2


def test_a_verdict_belongs_to_the_turn_whose_answer_it_concerns(s: Session) -> None:
    """The broker said whose reply it is; a key that is pressed when nothing sounds belongs to the newest turn."""
    s.begins()
    other = mint()
    s.spans.progress(broker.TurnProgress(turn=0, reply=7, traceparent=other))
    evidence = session.VerdictEvidence(confidence=0.75, command=0.5, word="stop")
    cancel = Kind(seq=1, kind=Kind.KIND_CANCEL, cause=Kind.CAUSE_WORD, onset_offset=8_000, evidence=evidence)
    cancel.playhead.CopyFrom(audio.Playhead(reply=7, position=24_000))
    s.spans.stamp(cancel, rests_on)
    start_s, end_s, known = s.only("interrupt.detect")
    assert (start_s, end_s, known["cause"], known["reply_position_ms"]) == (0.5, 1.0, "word", 1000)
    assert (known["ear.confidence"], known["ear.command"]) == (0.75, 0.5)
    assert "ear.word" not in known
    assert (cancel.traceparent, cancel.decided_at_us) == (other, 1_000_001_000_000)
    pressed = Kind(seq=2, kind=Kind.KIND_DUCK)
    s.spans.stamp(pressed, rests_on)
    assert pressed.traceparent == s.turn
    assert s.tracing.named("vad.duck")


def test_a_typed_turn_gets_a_context(s: Session) -> None:
    """Nothing was said that could have had one."""
    typed = broker.Typed(turn=1, text="hello")
    s.spans.stamp(typed, rests_on)
    assert TraceContext.parse(typed.traceparent) is not None
    assert typed.decided_at_us


def test_a_vad_that_takes_over_knows_the_newest_turn(s: Session) -> None:
    """An interruption of its answer belongs to it still."""
    s.spans.go_on(stream_pb2.Past(turn=3, traceparent=s.turn))
    cancel = Kind(seq=1, kind=Kind.KIND_CANCEL)
    s.spans.stamp(cancel, rests_on)
    assert cancel.traceparent == s.turn


def test_the_word_that_interrupted_is_told_where_words_may_be() -> None:
    """With PARLEY_TRACE_WORDS=on; it is a word of the person's like any other."""
    s = Session(KeptTracing(tells_words=True))
    s.begins()
    s.spans.stamp(Kind(seq=1, kind=Kind.KIND_CANCEL, evidence=session.VerdictEvidence(word="stop")), rests_on)
    assert s.only("interrupt.detect")[2]["ear.word"] == "stop"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (PeerLost("broker", "it fell silent"), "unavailable"),
        (RemoteFault(stream_pb2.Error(code=stream_pb2.Error.CODE_INTERNAL, message="x")), "internal"),
        (RemoteFault(stream_pb2.Error(code=stream_pb2.Error.CODE_MODEL, message="x")), None),
        (BrokerLeaves("it is stopping"), None),
        (Draining(), None),
        (NobodyCameBack(), None),
    ],
)
def test_what_ends_the_session_here_is_an_error_of_its_newest_turn(
    s: Session, fault: ParleyError, kind: str | None
) -> None:
    """What the broker told of stands in its own spans, and what goes on elsewhere is none."""
    s.spans.failed(PeerLost("broker", "before anybody has said a word"))
    s.begins()
    s.spans.failed(fault)
    assert [span.failure and span.failure.kind for span in s.tracing.named("ring.fault")] == ([kind] if kind else [])
