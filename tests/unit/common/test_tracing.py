"""Tracing: contexts, the microphone's wall clock, what an operator says, and the file for `make trace`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanContext

from services.common.bounded import Bounded
from services.common.errors import SettingsFault, StoreLost
from services.common.settings import Environment
from services.common.tracing.context import TraceContext, mint
from services.common.tracing.mic_time import WINDOW_S, MicTime
from services.common.tracing.settings import TraceSettings
from services.common.tracing.span_file import SpanFile
from services.common.tracing.tracing import Failure, SessionTracing, Tracing, here, started

BEGAN_S = 1_800_000_000.0


def test_a_context_is_read_as_it_was_written() -> None:
    """A fresh one may go into a message and come out of it; a fresh span of a trace stays in it."""
    minted = TraceContext.mint()
    assert TraceContext.parse(str(minted)) == minted
    assert TraceContext.parse(mint(minted.trace_id)) != minted
    assert str(TraceContext.mint(minted.trace_id)).startswith(f"00-{minted.trace_id}-")


@pytest.mark.parametrize("wrong", ["", "00-1-1-01", f"00-{'0' * 32}-{'1' * 16}-01", f"00-{'1' * 32}-{'0' * 16}-01"])
def test_what_is_no_context_is_none(wrong: str) -> None:
    """A client may send anything."""
    assert TraceContext.parse(wrong) is None


@given(st.lists(st.floats(0.0, 0.4), min_size=1, max_size=60))
def test_the_microphone_s_clock_is_as_true_as_its_promptest_frame(late_s: list[float]) -> None:
    """Frames come late by chance, never early: what is reckoned is late by as much as the promptest one."""
    mic = MicTime()
    assert mic.unix_us(0) == 0
    for number, late in enumerate(late_s, 1):
        mic.note(number * 320, BEGAN_S + number * 0.02 + late)
    assert mic.unix_s(16_000) - (BEGAN_S + 1.0) == pytest.approx(min(late_s), abs=1e-6)


def test_a_client_s_crystal_may_be_wrong() -> None:
    """One that is slow by 100 millionths is followed: what was true a minute ago is not held against it."""
    mic = MicTime()
    for number in range(1, 50 * 600):
        mic.note(number * 320, BEGAN_S + number * 0.02 * 1.0001)
    end = 50 * 600 * 320
    assert mic.unix_s(end) == pytest.approx(BEGAN_S + 600 * 1.0001, abs=2 * WINDOW_S * 1e-4 + 1e-3)


def test_a_bounded_dict_forgets_the_oldest() -> None:
    """However many are put in."""
    kept: Bounded[int, str] = Bounded(2)
    for number in range(5):
        kept[number] = "x"
    assert list(kept) == [3, 4]


def test_without_a_word_nothing_is_traced() -> None:
    """No thread, no exporter, no span."""
    tracing = Tracing(TraceSettings.read(Environment({}), "vad"))
    assert not tracing.is_on
    tracing.record("x", mint(), 0, 1)
    SessionTracing(tracing, "s").record("x", mint(), 0, 1, a=1)
    assert tracing._sender is None
    tracing.close()


def test_what_an_operator_may_say() -> None:
    """The standard's variables, a file, and whether words may be told."""
    env = Environment({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "PARLEY_TRACE_WORDS": "on"})
    read = TraceSettings.read(env, "vad")
    assert (read.service, read.endpoint, read.tells_words, read.is_on) == ("parley-vad", "http://c:4317", True, True)
    named = TraceSettings.read(Environment({"OTEL_SERVICE_NAME": "mine", "PARLEY_TRACE_FILE": "f"}), "vad")
    assert (named.service, named.file, named.is_on) == ("mine", "f", True)


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"), ("PARLEY_TRACE_WORDS", "yes")]
)
def test_what_is_wrong_is_named(name: str, value: str) -> None:
    """The error says which variable, and what it takes."""
    with pytest.raises(SettingsFault, match=name):
        TraceSettings.read(Environment({name: value}), "vad")


def test_spans_in_a_file(tmp_path: Path) -> None:
    """A line of JSON each, written by the time the process ends; the root is the span that its context names."""
    path, turn, before = tmp_path / "traces" / "vad.jsonl", mint(), mint()
    with started(Environment({"PARLEY_TRACE_FILE": str(path)}), "vad") as tracing:
        assert here() is tracing
        SessionTracing(tracing, "s-1").record("vad.endpoint", turn, BEGAN_S, BEGAN_S + 0.5, waited_ms=500)
        tracing.record_root("turn", turn, BEGAN_S, BEGAN_S + 2, {"parley.turn": 1}, links=[before, "nonsense"])
    assert not here().is_on
    child, root = map(json.loads, path.read_text().splitlines())
    trace, span = turn.split("-")[1:3]
    assert (child["trace_id"], child["parent_id"], child["service"]) == (trace, span, "parley-vad")
    assert child["attributes"] == {"gen_ai.conversation.id": "s-1", "parley.waited_ms": 500}
    assert child["end_ns"] - child["start_ns"] == pytest.approx(5e8, abs=1e3)
    assert (root["span_id"], root["parent_id"], root["links"]) == (span, "", [before.split("-")[1]])


def test_the_file_has_a_bound(tmp_path: Path) -> None:
    """What was written first goes, with the file that held it; one that can't be written is no fault."""
    span = ReadableSpan("x", SpanContext(1, 2, is_remote=False), start_time=1, end_time=2)
    writer = SpanFile(str(tmp_path / "spans"), longest=10)
    for _ in range(3):
        assert writer.export([span]) is SpanExportResult.SUCCESS
    assert [each.name for each in tmp_path.iterdir()] == ["spans.old"]
    assert len((tmp_path / "spans.old").read_text().splitlines()) == 1
    assert SpanFile(str(tmp_path)).export([span]) is SpanExportResult.FAILURE


def test_what_went_wrong_stands_in_the_span(tmp_path: Path) -> None:
    """The status of its span is ERROR, in words of ours, and `error.type` says which: a collector keeps such traces."""
    path, turn = tmp_path / "broker.jsonl", mint()
    with started(Environment({"PARLEY_TRACE_FILE": str(path)}), "broker") as tracing:
        failure = Failure.of(StoreLost("Redis can't be reached."))
        tracing.record("ring.fault", turn, BEGAN_S, BEGAN_S, failure=failure)
        tracing.record_root("turn", turn, BEGAN_S, BEGAN_S + 2, failure=failure)
        tracing.record_root("turn", mint(), BEGAN_S, BEGAN_S + 2)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line.get("error") for line in lines] == ["Redis can't be reached.", "Redis can't be reached.", None]
    assert [line["attributes"] for line in lines] == [{"error.type": "store"}, {"error.type": "store"}, {}]
