"""The narrator: an interruption's steps are in the log under their names, and what was a mistake is counted as one."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from parley.v1 import audio_pb2 as audio
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2 as session
from services.vad.events import Event
from services.vad.narrator import Narrator
from services.vad.tally import Tally

Kind = session.Interrupt
TRACES = ("a" * 32, "b" * 32)


def started(turn: int) -> broker.SpeechStarted:
    """A turn begins, in a trace of its own."""
    return broker.SpeechStarted(turn=turn, traceparent=f"00-{TRACES[turn - 1]}-00f067aa0ba902b7-01")


def verdict(
    seq: int, kind: session.Interrupt.Kind.ValueType, cause: session.Interrupt.Cause.ValueType
) -> session.Interrupt:
    """A verdict over reply 5."""
    evidence = session.VerdictEvidence(word="stop", command=0.9, clarity_db=20.0)
    return Kind(seq=seq, kind=kind, cause=cause, playhead=audio.Playhead(reply=5), evidence=evidence)


CANCEL = verdict(2, Kind.KIND_CANCEL, Kind.CAUSE_WORD)
BARGE_IN = client.State(state=session.CONVERSATION_STATE_BARGE_IN, turn=2)


class Stage:
    """A narrator, and what it has counted."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "parley.vad")
        self._caplog = caplog
        self._registry, tally = CollectorRegistry(), Tally()
        self._registry.register(tally)
        self._narrator = Narrator("s-1", tally)

    def take(self, *events: Event) -> None:
        """Let events go by."""
        for event in events:
            self._narrator.take(event)

    def told(self) -> list[dict[str, Any]]:
        """Return what stands in the log."""
        return [record.fields for record in self._caplog.records]  # type: ignore[attr-defined]

    def count(self, name: str, **labels: str) -> float | None:
        """Return what Prometheus would read."""
        return self._registry.get_sample_value(name, labels)


def test_an_interruption_is_told_step_by_step(caplog: pytest.LogCaptureFixture) -> None:
    """Each with the turn, the reply, the verdict's number, and the trace of its turn; no word of anybody's."""
    stage = Stage(caplog)
    stage.take(
        started(1),
        broker.TurnEnded(turn=1, tentative=True),
        broker.TurnConfirmed(turn=1, waited_ms=380, confidence=0.91),
        client.State(state=session.CONVERSATION_STATE_SPEAKING, turn=1),
        verdict(1, Kind.KIND_DUCK, Kind.CAUSE_SPEECH),
        CANCEL,
        started(2),
        BARGE_IN,
        broker.TurnEnded(turn=2, waited_ms=400, confidence=0.8),
    )
    told = [(each["event"], each.get("turn"), each.get("reply"), each.get("seq")) for each in stage.told()]
    assert told == [
        ("turn ended", 1, None, None),
        ("speech over reply", 1, 5, 1),
        ("interrupted", 1, 5, 2),
        ("listening again", 2, None, 2),
        ("turn ended", 2, None, None),
    ]
    assert [each["trace_id"] for each in stage.told()] == [TRACES[0]] * 3 + [TRACES[1]] * 2
    assert "interrupted, turn 1, reply 5, seq 2: verdict 2: cancel (word)" in caplog.text
    assert "stop" not in caplog.text
    assert stage.count("parley_interruptions_total", cause="word") == 1
    assert stage.count("parley_false_interruptions_total", what="cancel", cause="word") == 0


def test_a_duck_that_was_taken_back_was_a_mistake(caplog: pytest.LogCaptureFixture) -> None:
    """By what it turned out to be."""
    stage = Stage(caplog)
    stage.take(
        started(1),
        verdict(1, Kind.KIND_DUCK, Kind.CAUSE_SPEECH),
        verdict(2, Kind.KIND_RELEASE, Kind.CAUSE_BACKCHANNEL),
    )
    assert [each["event"] for each in stage.told()] == ["speech over reply", "reply goes on"]
    assert stage.count("parley_false_interruptions_total", what="duck", cause="backchannel") == 1
    assert stage.count("parley_interruptions_total", cause="word") == 0


def test_a_reply_that_was_ended_by_what_was_no_speech(caplog: pytest.LogCaptureFixture) -> None:
    """The worst of mistakes; a sound that began a turn of its own, and was none, is only dismissed."""
    stage = Stage(caplog)
    stage.take(CANCEL, started(1), BARGE_IN, broker.SpeechDismissed(turn=1, why=broker.SpeechDismissed.WHY_NOISE))
    assert stage.count("parley_false_interruptions_total", what="cancel", cause="word") == 1
    stage.take(started(2), broker.SpeechDismissed(turn=2, why=broker.SpeechDismissed.WHY_NOISE))
    assert stage.count("parley_false_interruptions_total", what="cancel", cause="word") == 1
    assert stage.count("parley_dismissed_sounds_total", why="noise") == 2


def test_a_key_is_no_mistake(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever pressed it meant it, whatever is heard afterwards."""
    stage = Stage(caplog)
    stage.take(
        verdict(1, Kind.KIND_CANCEL, Kind.CAUSE_CLIENT),
        client.State(state=session.CONVERSATION_STATE_IDLE),
        started(1),
        broker.SpeechDismissed(turn=1, why=broker.SpeechDismissed.WHY_NOISE),
    )
    assert [each["event"] for each in stage.told()] == ["interrupted", "listening again"]
    assert stage.count("parley_interruptions_total", cause="client") == 1
    assert stage.count("parley_dismissed_sounds_total", why="noise") == 1
