"""Spans of the broker: what a turn took here, tools and speculation, and the root that says what the turn log says."""

from __future__ import annotations

from typing import Any

import pytest

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2
from services.broker import journal
from services.broker.actions import Mark, NotAnswered, ToModel
from services.broker.parting import Draining, NobodyCameBack
from services.broker.spans import Spans
from services.broker.speculation import Tally
from services.common.errors import ModelFault, ParleyError
from services.common.tracing.context import TraceContext, mint
from services.common.tracing.tracing import Failure
from tests.fakes.spans import KeptTracing, Traced

Item = session.HistoryItem
CLIENT = mint()


def us(after_s: float) -> int:
    """Return a moment as messages have it."""
    return round((1_000_000.0 + after_s) * 1e6)


def asks(reply: int, turn: int) -> ToModel:
    """Return what asks the model for a reply."""
    return ToModel({"type": "response.create", "response": {"metadata": {"reply": str(reply), "turn": str(turn)}}})


def starts(reply: int, turn: int, **stages_ms: float) -> egress.SpeakRequest:
    """Return what begins a reply at egress."""
    names = {"endpoint": "vad.endpoint", "commit": "broker.commit", "first": "model.first_audio"}
    stages = [client.TurnReport.Stage(name=names[name], ms=ms) for name, ms in stages_ms.items()]
    return egress.SpeakRequest(reply_started=egress.ReplyStarted(reply=reply, turn=turn, stages=stages))


class Session(Traced):
    """A session's spans, and what is done to them."""

    def __init__(self, tracing: KeptTracing | None = None) -> None:
        super().__init__(tracing or KeptTracing())
        opened = stream_pb2.StreamOpen(session="s-1", traceparent=CLIENT)
        self.spans = Spans(opened, self.tracing, self.wall)
        self.turn = mint()

    def says(self, number: int = 1, ends_s: float = 0.0, decided_s: float = 0.4, *, tentative: bool = False) -> None:
        """The person says a turn."""
        started = broker.SpeechStarted(turn=number, traceparent=self.turn)
        self.spans.hear(broker.RespondRequest(speech_started=started))
        self.at(decided_s + 0.001)
        ended = broker.TurnEnded(
            turn=number, spoken_until_us=us(ends_s), decided_at_us=us(decided_s), tentative=tentative, waited_ms=400
        )
        self.spans.hear(broker.RespondRequest(turn_ended=ended))

    def cancels(self, seq: int, decided_s: float) -> None:
        """Vad stops the reply."""
        interrupt = session.Interrupt(
            seq=seq, kind=session.Interrupt.KIND_CANCEL, traceparent=self.turn, decided_at_us=us(decided_s)
        )
        self.spans.hear(broker.RespondRequest(interrupt=interrupt))


@pytest.fixture
def s() -> Session:
    """A session that is traced."""
    return Session()


def test_a_turn_is_accounted_for_without_a_gap(s: Session) -> None:
    """Commit begins where vad decided, the model where it was asked; what egress needs is in the message."""
    s.says()
    s.at(0.403)
    s.spans.see(asks(1, 1))
    s.at(0.903)
    started = starts(1, 1, endpoint=400, commit=2, first=500)
    s.spans.see(started)
    assert s.only("broker.commit")[:2] == (0.4, 0.403)
    assert s.only("model.first_audio")[:2] == (0.403, 0.903)
    assert started.reply_started.traceparent == s.turn
    assert started.reply_started.first_audio_us == us(0.903)
    assert {span.parent for span in s.tracing.spans} == {TraceContext.parse(s.turn)}
    assert {span.attributes["gen_ai.conversation.id"] for span in s.tracing.spans} == {"s-1"}


def test_another_egress_is_told_the_same_again(s: Session) -> None:
    """A reply that is given again has one first audio, and one span of it."""
    s.says()
    s.spans.see(starts(1, 1, commit=2, first=500))
    first = s.spans._started[1].first_audio_us
    s.at(5)
    again = starts(1, 1, commit=2, first=500)
    s.spans.see(again)
    assert again.reply_started.first_audio_us == first
    assert len(s.tracing.named("model.first_audio")) == 1


def test_a_tool_is_a_span_and_does_not_belong_to_the_commit(s: Session) -> None:
    """Of two responses the first ends the commit; the call stands between them."""
    s.says()
    s.at(0.402)
    s.spans.see(asks(1, 1))
    s.at(0.8)
    s.spans.take_event({"type": "response.done", "response": {"status": "completed", "metadata": {"reply": "1"}}})
    s.at(1.8)
    s.spans.tool_done(1, "book", "done", 1.0)
    s.spans.see(asks(2, 1))
    s.at(2.3)
    s.spans.see(starts(2, 1, commit=1400, first=500))
    assert s.only("broker.commit")[:2] == (0.4, 0.402)
    assert s.only("model.response") == (0.402, 0.8, s.only("model.response")[2])
    start_s, end_s, known = s.only("tool.call")
    assert (start_s, end_s, known["tool.name"], known["tool.outcome"]) == (0.8, 1.8, "book", "done")
    assert s.only("model.first_audio")[:2] == (1.8, 2.3)


def test_speculation_says_what_became_of_it(s: Session) -> None:
    """An answer begun early that was wanted, and one that was not."""
    s.says(tentative=True)
    s.spans.count(Tally(prepared=1))
    s.at(0.9)
    s.spans.count(Tally(prepared=1, used=1))
    assert s.only("speculation")[2]["outcome"] == "used"
    s.spans.count(Tally(prepared=2, used=1))
    s.at(1.2)
    s.spans.count(Tally(prepared=2, used=1, wasted=1))
    assert [span.attributes["parley.outcome"] for span in s.tracing.named("speculation")] == ["used", "wasted"]


def test_an_interruption_reaches_the_broker_and_cuts_the_model_s_memory(s: Session) -> None:
    """Fan-out from the decision to here; truncation from here to the model being told, once."""
    s.says()
    s.spans.see(starts(1, 1, commit=2, first=500))
    s.at(3.004)
    s.cancels(1, 3.0)
    s.at(3.1)
    s.spans.see(ToModel({"type": "conversation.item.truncate", "audio_end_ms": 1200}))
    s.spans.see(Item(role=Item.ROLE_ASSISTANT, interrupted=True, heard_ms=1200, turn=1, reply=1))
    assert s.only("interrupt.fanout")[:2] == (3.0, 3.004)
    start_s, end_s, known = s.only("broker.truncate")
    assert (start_s, end_s, known["heard_ms"], known["seq"]) == (3.004, 3.1, 1200, 1)


def test_the_root_says_what_the_record_says(s: Session) -> None:
    """From the end of speech to the last sample played, with the record's figures, linked to what went before."""
    s.says()
    s.spans.see(starts(1, 1, commit=2, first=500))
    s.at(6)
    s.spans.played(egress.Played(reply=1, position=24_000, ended=True, at_us=us(5.5)))
    s.spans.tell_root(1, {"parley.turn": 1, "parley.stages_ms": {"vad.endpoint": 400.0}, "parley.tools": [{"a": 1}]})
    start_s, end_s, known = s.only("turn")
    assert (start_s, end_s) == (0.0, 5.5)
    assert (known["turn"], known["stages_ms.vad.endpoint"]) == (1, 400.0)
    assert "tools" not in known
    (root,) = s.tracing.named("turn")
    assert (root.own, root.parent) == (TraceContext.parse(s.turn), None)
    assert list(root.links) == [TraceContext.parse(CLIENT)]


def test_turns_are_linked_and_what_comes_late_is_no_second_root(s: Session) -> None:
    """Each root links to the turn before; a record that comes after it makes a span of another name."""
    s.says(1)
    before, s.turn = s.turn, mint()
    s.says(2)
    for number in (1, 2, 2):
        s.spans.tell_root(number, {"parley.turn": number})
    assert TraceContext.parse(before) in s.tracing.named("turn")[1].links
    assert len(s.tracing.named("turn")) == 2
    assert s.tracing.named("turn.late")[0].own.trace_id == s.turn.split("-")[1]


def test_what_is_said_of_its_own_accord_has_traces_of_its_own(s: Session) -> None:
    """Each time another one, in the client's trace if it has one."""
    contexts = []
    for reply in (1, 2):
        started = starts(reply, 0, first=300)
        s.spans.see(started)
        s.spans.tell_root(0, {"parley.turn": 0})
        contexts.append(started.reply_started.traceparent)
    assert contexts[0] != contexts[1]
    assert {context.split("-")[1] for context in contexts} == {CLIENT.split("-")[1]}


def test_a_broker_that_takes_over_tells_the_root_of_who_is_gone(s: Session) -> None:
    """History has the turn's context and the moment of its end; an old turn has had its root."""
    items = [journal.taken(1, 100), journal.taken(2, 200)]
    for item, at_s in zip(items, (-60.0, 0.0), strict=True):
        s.turn = item.traceparent = mint()
        item.spoken_until_us, item.at_ms = us(at_s), round((1_000_000.0 + at_s) * 1000)
    s.at(2.0)
    s.spans.carry(items, egress.Held())
    assert [turn.number for turn in s.spans.carried] == [2]
    assert s.spans.past(stream_pb2.Past(turn=2)).traceparent == s.turn
    s.spans.tell_root(2, {"parley.turn": 2})
    s.spans.tell_root(1, {"parley.turn": 1})
    start_s, _, known = s.only("turn")
    assert (start_s, known["turn"], known["taken_over"]) == (0.0, 2, True)


def test_the_mark_of_a_turn_carries_its_context(s: Session) -> None:
    """So that whoever takes over knows it."""
    s.says()
    mark = Mark(journal.taken(1, 100))
    s.spans.see(mark)
    assert (mark.item.traceparent, mark.item.spoken_until_us) == (s.turn, us(0))


@pytest.mark.parametrize("tells_words", [False, True])
def test_words_are_told_only_where_that_is_asked_for(tells_words: bool) -> None:
    """They stand in no span unless PARLEY_TRACE_WORDS is on; then in the root."""
    s = Session(KeptTracing(tells_words=tells_words))
    s.says()
    s.spans.see(Item(role=Item.ROLE_USER, turn=1, text="my secret"))
    s.spans.tell_root(1, {"parley.turn": 1})
    known: dict[str, Any] = s.only("turn")[2]
    assert known.get("words") == (["user: my secret"] if tells_words else None)


def failures(s: Session, name: str) -> list[Failure | None]:
    """Return what went wrong with the spans of a name."""
    return [span.failure for span in s.tracing.named(name)]


def test_a_turn_that_is_not_answered_is_an_error(s: Session) -> None:
    """The root says so, and the response that failed: by the code alone, for its message may have anybody's words."""
    s.says()
    s.spans.see(asks(1, 1))
    error = {"code": "server_error", "message": "I can't answer 'my secret'"}
    response = {"status": "failed", "metadata": {"reply": "1"}, "status_details": {"error": error}}
    s.spans.take_event({"type": "response.done", "response": response})
    s.spans.see(NotAnswered(1, "server_error"))
    s.spans.tell_root(1, {"parley.turn": 1})
    assert failures(s, "model.response") == [Failure("server_error", "the model's response has failed: server_error")]
    assert failures(s, "turn") == [Failure("server_error", "the turn was not answered: server_error")]
    assert "secret" not in repr(s.tracing.spans)


def test_a_response_that_never_came_is_told_when_it_is_given_up(s: Session) -> None:
    """Its span ends there; a turn that goes on is asked about again, and is no error if that is answered."""
    s.says()
    s.spans.see(asks(1, 1))
    s.at(10)
    s.spans.see(NotAnswered(1, "no_answer"))
    assert s.only("model.response")[:2] == (0.401, 10.0)
    assert failures(s, "model.response")[0] is not None
    s.says()
    s.spans.tell_root(1, {"parley.turn": 1})
    assert failures(s, "turn") == [None]


def test_a_connection_that_breaks_is_the_response_s_error_not_the_turn_s(s: Session) -> None:
    """It is made again, and the turn answered."""
    s.says()
    s.spans.see(asks(1, 1))
    s.spans.lose_model()
    s.spans.see(asks(2, 1))
    s.spans.take_event({"type": "response.done", "response": {"status": "completed", "metadata": {"reply": "2"}}})
    s.spans.tell_root(1, {"parley.turn": 1})
    lost, answered = failures(s, "model.response")
    assert (lost and lost.kind, answered, failures(s, "turn")) == ("connection_lost", None, [None])


def test_a_tool_that_fails_is_an_error_of_its_own(s: Session) -> None:
    """The model is told, and may know what to do."""
    s.says()
    for outcome in ("done", "failed"):
        s.spans.tool_done(1, "book", outcome, 0.1)
    s.spans.tell_root(1, {"parley.turn": 1})
    done, failed = failures(s, "tool.call")
    assert (done, failed and failed.kind, failures(s, "turn")) == (None, "tool_failed", [None])


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (ModelFault("secret-host refuses"), "model"),
        (NobodyCameBack(40), "unavailable"),
        (Draining(), None),
        (None, None),
    ],
)
def test_a_session_that_is_lost_is_its_newest_turn_s_error(
    s: Session, fault: ParleyError | None, kind: str | None
) -> None:
    """Where the root was told long ago, `ring.fault` still has it; what goes on elsewhere is none."""
    s.says()
    s.spans.ended(fault)
    s.spans.tell_root(1, {"parley.turn": 1})
    assert [failure and failure.kind for failure in failures(s, "turn")] == [kind]
    assert [failure and failure.kind for failure in failures(s, "ring.fault")] == ([kind] if kind else [])
    assert "secret" not in repr(s.tracing.spans)
