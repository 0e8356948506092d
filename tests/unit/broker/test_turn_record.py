"""Turn records: one for each turn, with everything that came of it, whenever it came, and no word of it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker.actions import CallTool, Spent
from services.broker.money import Prices
from services.broker.turn_record import MOST_OPEN, QUIET_S, TurnRecords, usage_attributes
from services.common.traceparent import trace_id

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
SESSION_TRACE = "1" * 32
PRICES = Prices(audio_out=64.0, text_in=4.0)


def ended(turn: int, *, tentative: bool = False) -> broker.RespondRequest:
    """The person has finished, or probably has."""
    return broker.RespondRequest(turn_ended=broker.TurnEnded(turn=turn, tentative=tentative))


def started(reply: int, turn: int) -> egress.SpeakRequest:
    """A reply begins to sound, 412.34 ms after it was asked for."""
    stages = [client.TurnReport.Stage(name="model.first_audio", ms=412.34)]
    return egress.SpeakRequest(reply_started=egress.ReplyStarted(reply=reply, turn=turn, stages=stages))


def heard(reply: int, turn: int, ms: int, *, interrupted: bool = False) -> session.HistoryItem:
    """So much of it was heard."""
    role = session.HistoryItem.ROLE_ASSISTANT
    return session.HistoryItem(
        role=role, turn=turn, reply=reply, heard_ms=ms, interrupted=interrupted, text="never shown"
    )


def cancel(floor: int, cause: session.Interrupt.Cause.ValueType = session.Interrupt.CAUSE_WORD) -> egress.SpeakRequest:
    """The person takes the floor."""
    kind = session.Interrupt.KIND_CANCEL
    return egress.SpeakRequest(interrupt=session.Interrupt(seq=1, kind=kind, cause=cause, floor=floor))


def records() -> TurnRecords:
    """Those of a session that has a trace of its own."""
    return TurnRecords(f"00-{SESSION_TRACE}-00f067aa0ba902b7-01")


def told(made: TurnRecords, now_s: float) -> list[dict[str, Any]]:
    """What is over by now."""
    return [record.attributes(PRICES) for record in made.over(now_s)]


def test_a_turn() -> None:
    """Its end, its reply, its stages, what it used and what was heard are one record, ten quiet seconds later."""
    made = records()
    speech = broker.SpeechStarted(turn=1, traceparent=PARENT)
    made.hear(broker.RespondRequest(speech_started=speech), 1.0)
    made.hear(ended(1), 2.0)
    made.see(started(1, 1), 2.5)
    made.see(Spent(1, session.Usage(text_in=10, audio_out=20, cost_micros=7), session.Usage()), 3.0)
    made.see(Spent(1, session.Usage(transcribed_ms=900), session.Usage()), 3.1)
    made.see(heard(1, 1, 1_500), 4.0)
    assert made.over(4.0 + QUIET_S - 0.01) == []
    (record,) = made.over(4.0 + QUIET_S)
    assert (record.trace_id, record.since_s) == (TRACE, 2.0)
    assert record.attributes(PRICES) == {
        "parley.turn": 1,
        "parley.replies": [1],
        "parley.duration_ms": 2_000,
        "parley.stages_ms": {"model.first_audio": 412.3},
        "parley.heard_ms": 1_500,
        "parley.interrupted": False,
        "parley.tools": [],
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.text.input_tokens": 10,
        "gen_ai.usage.audio.output_tokens": 20,
        "parley.transcribed_ms": 900,
        "parley.cost_micros": 10 * 4 + 20 * 64,
    }
    assert made.over(1_000.0) == made.close() == []


def test_a_turn_is_not_over_while_it_is_heard_or_something_is_done_for_it() -> None:
    """A story of a minute and a tool of half a minute make no second record."""
    made = records()
    made.hear(ended(1), 0.0)
    made.see(CallTool("c1", "look", "{}", 1), 1.0)
    assert made.over(31.0) == []
    made.tool_done(1, "look", "done", 30.25, 31.0)
    made.see(started(2, 1), 32.0)
    assert made.over(92.0) == []
    made.see(heard(2, 1, 60_000), 92.0)
    (record,) = told(made, 102.0)
    assert record["parley.tools"] == [
        {"gen_ai.tool.name": "look", "parley.tool.outcome": "done", "parley.tool.ms": 30_250.0}
    ]
    assert (record["parley.replies"], record["parley.heard_ms"]) == ([2], 60_000)


def test_an_interruption() -> None:
    """What was heard before it counts; a reply of which history will never tell was not heard at all."""
    made = records()
    made.hear(ended(1), 0.0)
    made.see(started(1, 1), 1.0)
    made.see(started(2, 1), 1.0)
    made.see(cancel(2), 2.0)
    made.see(heard(1, 1, 800, interrupted=True), 2.2)
    (record,) = told(made, 2.2 + QUIET_S)
    assert (record["parley.interrupted"], record["parley.heard_ms"]) == (True, 800)

    made.see(started(3, 2), 20.0)
    made.see(cancel(3), 20.1)
    (record,) = told(made, 20.1 + QUIET_S)
    assert (record["parley.interrupted"], record["parley.heard_ms"]) == (True, 0)


def test_what_was_heard_whole_was_not_interrupted() -> None:
    """The cancel came when the last of it had been heard, only nobody had said so yet."""
    made = records()
    made.see(started(1, 1), 1.0)
    made.see(cancel(1), 2.0)
    made.see(heard(1, 1, 800), 2.2)
    assert told(made, 20.0)[0]["parley.interrupted"] is False


def test_a_turn_that_goes_on_was_not_interrupted() -> None:
    """Its reply is erased, and the next one answers both parts: one record."""
    made = records()
    made.hear(ended(1), 0.0)
    made.see(started(1, 1), 0.5)
    made.see(cancel(1, session.Interrupt.CAUSE_TURN_RESUMED), 0.6)
    made.hear(ended(1), 2.0)
    made.see(started(2, 1), 2.5)
    made.see(heard(2, 1, 100), 3.0)
    (record,) = told(made, 20.0)
    assert (record["parley.replies"], record["parley.interrupted"], record["parley.heard_ms"]) == ([1, 2], False, 100)
    assert made.ended == 1


def test_a_tentative_end_is_none() -> None:
    """A turn counts when its end holds, and once."""
    made = records()
    made.hear(ended(1, tentative=True), 0.0)
    assert (made.ended, made.close()) == (0, [])
    made.hear(broker.RespondRequest(turn_confirmed=broker.TurnConfirmed(turn=1)), 0.5)
    made.hear(ended(1), 1.0)
    made.hear(broker.RespondRequest(typed=broker.Typed(turn=2, text="never shown")), 2.0)
    assert made.ended == 2


def test_what_comes_late_makes_another_record_to_add() -> None:
    """A transcription's usage after a minute is neither lost nor counted twice."""
    made = records()
    made.see(Spent(1, session.Usage(audio_out=5), session.Usage()), 0.0)
    first = told(made, QUIET_S)
    made.see(Spent(1, session.Usage(transcribed_ms=700), session.Usage()), 60.0)
    second = [record.attributes(PRICES) for record in made.close()]
    assert [record["parley.turn"] for record in first + second] == [1, 1]
    assert "gen_ai.usage.output_tokens" not in second[0]
    assert second[0]["parley.transcribed_ms"] == 700


def test_a_turn_without_a_trace_belongs_to_its_sessions() -> None:
    """Typed turns and announcements have none; a trace that vad gave to another turn is not theirs."""
    made = records()
    made.hear(broker.RespondRequest(speech_started=broker.SpeechStarted(turn=1, traceparent=PARENT)), 0.0)
    made.see(started(1, 0), 0.0)
    made.hear(broker.RespondRequest(speech_started=broker.SpeechStarted(turn=2, traceparent="nonsense")), 0.0)
    made.hear(ended(2), 1.0)
    assert [record.trace_id for record in made.close()] == [SESSION_TRACE, SESSION_TRACE]


def test_traces_are_the_w3cs() -> None:
    """The example of the recommendation, a later version with more in it, and what is forbidden."""
    assert trace_id(PARENT) == TRACE
    assert trace_id(f"cc-{TRACE}-00f067aa0ba902b7-01-what-the-future-brings") == TRACE
    for wrong in ("", PARENT.upper(), f"ff-{TRACE}-00f067aa0ba902b7-01", f"00-{'0' * 32}-00f067aa0ba902b7-01"):
        assert trace_id(wrong) == ""
    assert trace_id(f"00-{TRACE}-{'0' * 16}-01") == trace_id(PARENT + "\n") == ""


def test_cached_tokens_are_among_the_inputs() -> None:
    """As the GenAI conventions want it; the record in Redis has them apart."""
    used = usage_attributes(session.Usage(text_in=1, text_cached=2, audio_in=4, audio_cached=8, audio_out=16))
    assert used == {
        "gen_ai.usage.input_tokens": 15,
        "gen_ai.usage.cache_read.input_tokens": 10,
        "gen_ai.usage.output_tokens": 16,
        "gen_ai.usage.text.input_tokens": 3,
        "gen_ai.usage.text.cache_read.input_tokens": 2,
        "gen_ai.usage.audio.input_tokens": 12,
        "gen_ai.usage.audio.cache_read.input_tokens": 8,
        "gen_ai.usage.audio.output_tokens": 16,
    }


NEWS = st.one_of(
    st.builds(ended, st.integers(0, 90)),
    st.builds(started, st.integers(1, 9), st.integers(0, 90)),
    st.builds(heard, st.integers(1, 9), st.integers(0, 90), st.integers(0, 5_000)),
    st.builds(cancel, st.integers(0, 9)),
    st.builds(lambda turn: CallTool("c", "look", "{}", turn), st.integers(0, 90)),
    st.builds(lambda turn: Spent(turn, session.Usage(audio_out=1), session.Usage()), st.integers(0, 90)),
    st.just("tool"),
)


@given(st.lists(st.tuples(NEWS, st.floats(0, 15)), max_size=200))
def test_whatever_comes_in_whatever_order_every_token_is_told_once(news: list[tuple[Any, float]]) -> None:
    """And nothing is raised, nor more kept than the bound."""
    made, now_s, spent, over = records(), 0.0, 0, []
    for what, pause_s in news:
        now_s += pause_s
        spent += isinstance(what, Spent)
        if what == "tool":
            made.tool_done(1, "look", "done", 0.1, now_s)
        elif isinstance(what, broker.RespondRequest):
            made.hear(what, now_s)
        else:
            made.see(what, now_s)
        over += made.over(now_s)
        assert len(made._open) <= MOST_OPEN
    over += made.close()
    assert sum(record.usage.audio_out for record in over) == spent
