"""The meter and a session's account with it: every figure is the model's own, and its labels are bounded."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2 as wire
from services.broker.account import Account, end_reason
from services.broker.actions import Spent
from services.broker.agent import Agent, read_broker_agents
from services.broker.conversation import Conversation
from services.broker.meter import GIVEN_UP, Meter
from services.broker.money import Prices, cost_micros
from services.broker.tools.call import ToolRequest
from services.broker.tools.declaration import FunctionTool, HttpEndpoint, Toolbox
from services.common import names
from services.common.errors import ModelFault, ParleyError, Superseded
from services.common.metrics import registry
from services.common.settings import Environment

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PRICES = Prices(audio_out=64.0, text_in=0.4, currency="EUR")
DONE, UNKNOWN = session.ToolCall.STATUS_DONE, session.ToolCall.STATUS_UNKNOWN


def clerk() -> Agent:
    """An agent that can book, at a model that costs."""
    usual = read_broker_agents(Environment({"PARLEY_MODEL": "m-1", "PARLEY_TRANSCRIPTION_MODEL": "t-1"})).find("")
    book = FunctionTool("book", "Books.", HttpEndpoint("http://127.0.0.1:1/"))
    manner = replace(usual.manner, prices=PRICES)
    return replace(usual, name="clerk", toolbox=Toolbox((book,)), manner=manner)


@dataclass
class Desk:
    """A meter, the lines of the turn log, and a clock that stands."""

    agent: Agent = field(default_factory=clerk)
    core: Conversation = field(default_factory=Conversation)
    lines: list[Mapping[str, Any]] = field(default_factory=list)
    now_s: float = 100.0

    def __post_init__(self) -> None:
        self.registry = registry()
        self.meter = Meter(self.registry)

    def account(self) -> Account:
        """Open a session's account."""
        opened = wire.StreamOpen(session="s-1", traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
        return Account(
            self.meter, self.lines.append, self.agent, opened, self.core, lambda: self.now_s, lambda: 1_700_000_000.0
        )

    def value(self, name: str, **labels: str) -> float | None:
        """Return what Prometheus would read; None for a series that is not there."""
        return self.registry.get_sample_value(name, labels)

    def series(self) -> set[tuple[str, ...]]:
        """Return every series there is."""
        return {
            (sample.name, *sample.labels.values()) for family in self.registry.collect() for sample in family.samples
        }


MODEL = {"agent": "clerk", "model": "m-1"}


def spent(turn: int, total_micros: int, **used: int) -> Spent:
    """A response has used this."""
    return Spent(turn, session.Usage(**used), session.Usage(cost_micros=total_micros))


def test_what_is_used_is_counted_by_kind() -> None:
    """All six kinds, transcribed seconds under the transcriber's name, and cost in the table's currency."""
    desk = Desk()
    kinds = {"text_in": 1, "text_cached": 2, "text_out": 4, "audio_in": 8, "audio_cached": 16, "audio_out": 32}
    with desk.account() as account:
        account.see(spent(1, 1_500_000, **kinds, transcribed_ms=2_500), 100.0)
        account.see(spent(2, 1_500_001, text_in=1), 101.0)
    for kind, count in {**kinds, "text_in": 2}.items():
        assert desk.value("parley_model_tokens_total", **MODEL, kind=kind) == count
    assert desk.value("parley_model_transcribed_seconds_total", agent="clerk", model="t-1") == 2.5
    assert desk.value("parley_model_cost_total", **MODEL, currency="EUR") == pytest.approx(1.500001, abs=1e-12)


@given(st.lists(st.integers(0, 2_000), max_size=60))
def test_cost_is_the_session_records_however_small_its_pieces(tokens: list[int]) -> None:
    """A token costs 0.4 millionths here: rounded one by one, they would cost nothing."""
    desk, used = Desk(), session.Usage()
    with desk.account() as account:
        for count in tokens:
            used.text_in += count
            account.see(spent(1, cost_micros(used, PRICES), text_in=count), 100.0)
    counted = desk.value("parley_model_cost_total", **MODEL, currency="EUR") or 0.0
    assert counted * 1e6 == pytest.approx(cost_micros(used, PRICES), abs=1e-3)


def test_what_another_broker_has_counted_is_not_counted_again() -> None:
    """A session that is taken over brings its cost along; only what comes on top is this process's."""

    class TakenOver(Conversation):
        spent = session.Usage(cost_micros=1_000_000)

    desk = Desk(core=TakenOver())
    with desk.account() as account:
        account.see(spent(1, 1_250_000, text_in=1), 100.0)
    assert desk.value("parley_model_cost_total", **MODEL, currency="EUR") == 0.25


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        ({"response": {"status": "completed"}}, "completed"),
        ({"response": {"status": "cancelled"}}, "cancelled"),
        ({"response": {"status": "incomplete"}}, "incomplete"),
        ({"response": {"status": "failed"}}, "failed"),
        ({"response": {"status": "<script>"}}, "unknown"),
        ({"response": {"status": ["completed"]}}, "unknown"),
        ({"response": None}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_responses_are_counted_by_how_they_ended(event: dict[str, Any], outcome: str) -> None:
    """Whatever a server says it becomes one of five words; other events are none."""
    desk = Desk()
    with desk.account() as account:
        account.take_event({"type": "response.done", **event})
        account.take_event({"type": "response.created", **event})
        account.take_event({"type": ["response.done"]})
        account.take_event({})
    assert desk.value("parley_model_responses_total", **MODEL, outcome=outcome) == 1
    assert len([each for each in desk.series() if each[0] == "parley_model_responses_total"]) == 1


def test_tools_are_counted_by_name_unless_the_model_made_it_up() -> None:
    """However many names a model invents, there is one series for them; its line in the log has none of them."""
    desk = Desk()
    with desk.account() as account:
        account.tool_done(ToolRequest("c", "book", "{}", "s-1", 1), DONE, 0.3, 100.0)
        account.tool_done(ToolRequest("c", "book", "{}", "s-1", 1), UNKNOWN, 30.0, 100.0)
        for number in range(50):
            account.tool_done(ToolRequest("c", f"made up {number}", "{}", "s-1", 1), DONE, 0.0, 100.0)
    assert desk.value("parley_tool_calls_total", tool="book", outcome="done") == 1
    assert desk.value("parley_tool_calls_total", tool="book", outcome="unknown") == 1
    assert desk.value("parley_tool_calls_total", tool="unknown", outcome="done") == 50
    assert desk.value("parley_tool_seconds_sum", tool="book") == 30.3
    assert desk.value("parley_tool_seconds_bucket", tool="book", le="0.5") == 1
    assert "made up" not in str(desk.lines)


def test_speculation_is_counted_as_it_goes() -> None:
    """What the core tallies, as differences: a long session need not end to be seen."""
    desk = Desk()
    with desk.account() as account:
        desk.core.tally.prepared, desk.core.tally.wasted = 3, 2
        account.see(spent(1, 0, text_in=1), 100.0)
        assert desk.value("parley_speculations_prepared_total", agent="clerk") == 3
        desk.core.tally.used, desk.core.tally.prepared = 1, 4
    assert desk.value("parley_speculations_prepared_total", agent="clerk") == 4
    found = {how: desk.value("parley_speculations_total", agent="clerk", outcome=how) for how in ("used", "wasted")}
    assert found == {"used": 1, "wasted": 2}


def test_a_session_is_active_while_it_lasts() -> None:
    """However it ends, it is not active any more, and has ended once."""
    desk = Desk()
    with desk.account() as account:
        assert desk.value("parley_sessions_active", agent="clerk") == 1
        account.ended(None)
    with pytest.raises(RuntimeError), desk.account():
        raise RuntimeError("a fault of ours")
    with pytest.raises(KeyboardInterrupt), desk.account():
        raise KeyboardInterrupt
    assert desk.value("parley_sessions_active", agent="clerk") == 0
    for reason in ("client", "fault", "broken_off"):
        assert desk.value("parley_sessions_ended_total", agent="clerk", reason=reason) == 1


@pytest.mark.parametrize(
    ("hangup", "fault", "reason"),
    [
        (None, None, "client"),
        (wire.Hangup.REASON_SILENCE, None, "silence"),
        (wire.Hangup.REASON_GOODBYE, None, "goodbye"),
        (wire.Hangup.REASON_ASSISTANT, None, "assistant"),
        (wire.Hangup.REASON_BUDGET, None, "budget"),
        (wire.Hangup.REASON_TIME, None, "time"),
        (None, ModelFault("away"), "fault"),
        (wire.Hangup.REASON_TIME, Superseded("by another"), "superseded"),
    ],
)
def test_why_a_session_ended(
    hangup: wire.Hangup.Reason.ValueType | None, fault: ParleyError | None, reason: str
) -> None:
    """The webhook's words, and one for a session that goes on elsewhere."""
    assert end_reason(wire.Hangup(reason=hangup) if hangup is not None else None, fault) == reason


def test_turns_and_connections_are_counted() -> None:
    """A turn that is resumed and ends again is one."""
    desk = Desk()
    with desk.account() as account:
        for turn in (1, 1, 2):
            account.hear(broker.RespondRequest(turn_ended=broker.TurnEnded(turn=turn)), 100.0)
        account.reconnected(GIVEN_UP)
    assert desk.value("parley_turns_total", agent="clerk") == 2
    assert desk.value("parley_model_reconnects_total", **MODEL, outcome="given_up") == 1


def test_a_session_that_another_broker_has_led_is_told_of_as_one() -> None:
    """Its turns and its length are the session's; counters count this process' share."""
    desk = Desk()
    with desk.account() as account:
        items = [session.HistoryItem(role=session.HistoryItem.ROLE_USER, turn=turn) for turn in (1, 2, 2)]
        account.carry(items, 60.0)
        account.hear(broker.RespondRequest(typed=broker.Typed(turn=3)), 100.0)
        desk.now_s = 101.0
    whole = desk.lines[-1]
    assert (whole[names.TURNS], whole[names.DURATION_MS], whole["time"]) == (3, 61_000, "2023-11-14T22:12:20.000Z")
    assert desk.value("parley_turns_total", agent="clerk") == 1


def test_the_lines_of_the_log() -> None:
    """One for the turn, when it is over, at the time of its end; one for the session, at the time of its beginning."""
    desk = Desk()
    with desk.account() as account:
        account.hear(broker.RespondRequest(turn_ended=broker.TurnEnded(turn=1)), 102.5)
        account.see(spent(1, 64, audio_out=1), 103.0)
        account.tick(112.9)
        assert desk.lines == []
        account.tick(113.0)
        assert len(desk.lines) == 1
        desk.now_s = 160.0
        account.ended(None)
    turn, whole = desk.lines
    about = {
        "trace_id": TRACE,
        "gen_ai.conversation.id": "s-1",
        "gen_ai.agent.name": "clerk",
        "gen_ai.request.model": "m-1",
        "parley.currency": "EUR",
    }
    assert turn.items() >= about.items()
    assert whole.items() >= about.items()
    assert (turn["event"], turn["time"]) == ("parley.turn", "2023-11-14T22:13:22.500Z")
    assert (turn["parley.turn"], turn["parley.cost_micros"]) == (1, 64)
    assert (whole["event"], whole["time"]) == ("parley.session", "2023-11-14T22:13:20.000Z")
    assert (whole["parley.turns"], whole["parley.duration_ms"], whole["parley.end_reason"]) == (1, 60_000, "client")


def test_what_is_known_of_an_agent_is_there_at_0() -> None:
    """A rate must have seen a counter before it counts; nothing that a session does of itself adds a series then."""
    desk = Desk()
    desk.meter.know(desk.agent)
    before = desk.series()
    with desk.account() as account:
        account.see(spent(1, 5, text_in=1, audio_cached=2, transcribed_ms=3), 100.0)
        account.take_event({"type": "response.done", "response": {"status": "failed"}})
        account.hear(broker.RespondRequest(typed=broker.Typed(turn=1)), 100.0)
        account.reconnected(GIVEN_UP)
    assert {each[0] for each in desk.series() - before} == {"parley_sessions_ended_total"}
    assert desk.value("parley_model_tokens_total", **MODEL, kind="audio_out") == 0


def test_who_waited_is_an_example_of_how_long(caplog: pytest.LogCaptureFixture) -> None:
    """Both latencies carry the trace of their turn; the log tells the turn's story, and each step by its name."""
    caplog.set_level(logging.INFO)
    desk, cancelled = (
        Desk(),
        session.Interrupt(
            seq=1,
            kind=session.Interrupt.KIND_CANCEL,
            cause=session.Interrupt.CAUSE_WORD,
            onset_offset=64_000,
            decided_offset=68_800,
        ),
    )
    trace = "a" * 32
    with desk.account() as account:
        speech = broker.SpeechStarted(turn=1, traceparent=f"00-{trace}-00f067aa0ba902b7-01")
        account.hear(broker.RespondRequest(speech_started=speech), 100.0)
        account.hear(broker.RespondRequest(turn_ended=broker.TurnEnded(turn=1, end_offset=16_000)), 101.0)
        progress = broker.TurnProgress(turn=1, reply=1, stage=broker.TurnProgress.STAGE_REPLYING)
        account.see(broker.RespondResponse(progress=progress), 101.1)
        account.see(egress.SpeakRequest(reply_started=egress.ReplyStarted(reply=1, turn=1)), 101.4)
        account.played(egress.Played(reply=1, mic_offset=28_800))
        account.hear(broker.RespondRequest(interrupt=cancelled), 103.0)
        floored = session.Interrupt(seq=1, floor=1, cause=cancelled.cause, kind=cancelled.kind)
        account.see(egress.SpeakRequest(interrupt=floored), 103.0)
        account.played(egress.Played(reply=1, position=60_000, mic_offset=69_520, flushed_seq=1))
    exemplars = {
        sample.name: sample.exemplar
        for family in desk.registry.collect()
        for sample in family.samples
        if sample.exemplar is not None
    }
    assert {name: (each.labels, round(each.value, 3)) for name, each in exemplars.items()} == {
        "parley_response_latency_seconds_bucket": ({"trace_id": trace}, 0.8),
        "parley_barge_in_stop_latency_seconds_bucket": ({"trace_id": trace}, 0.045),
        "parley_barge_in_yield_latency_seconds_bucket": ({"trace_id": trace}, 0.345),
    }
    (line, _) = desk.lines
    assert (line["parley.response_ms"], line["parley.stop_ms"]) == (800.0, 45.0)
    assert line["parley.interrupted_by"] == "word"
    told = {record.fields["event"]: record.fields for record in caplog.records if hasattr(record, "fields")}
    assert list(told) == ["response created", "buffers cleared", "turn over"]
    assert (told["response created"]["turn"], told["response created"]["reply"]) == (1, 1)
    assert told["response created"]["trace_id"] == told["turn over"]["trace_id"] == trace
    assert (told["buffers cleared"]["seq"], told["buffers cleared"]["floor"]) == (1, 1)
    assert (told["buffers cleared"]["turn"], told["buffers cleared"]["trace_id"]) == (1, trace)
    assert "answered after 800 ms" in caplog.text


def test_the_document_has_every_metric_with_its_labels() -> None:
    """docs/metrics.md lists what the broker serves beside every stage, name by name and label by label, and no more."""
    served = {}
    for metric in vars(Meter()).values():
        (family,) = metric.describe()
        served[f"{family.name}_total" if family.type == "counter" else family.name] = set(metric._labelnames)
    of_all, of_the_broker = (_documented(part) for part in DOCUMENT.read_text().split("### The broker"))
    assert of_the_broker | {names.SESSIONS_ACTIVE: of_all[names.SESSIONS_ACTIVE]} == served


def _documented(text: str) -> dict[str, set[str]]:
    rows = re.findall(r"^\| `(parley_\w+)` \| ([^|]*) \|", text, re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


def test_the_document_has_every_attribute() -> None:
    """What a line of the turn log may hold stands in docs/metrics.md, what only spans have in docs/observing.md."""
    pages = (DOCUMENT, DOCUMENT.with_name("observing.md"))
    document = "".join(page.read_text() for page in pages if page.exists())
    attributes = [value for value in vars(names).values() if str(value).startswith(("gen_ai.", "parley."))]
    assert len(attributes) > 25
    assert [name for name in attributes if f"`{name}`" not in document] == []
