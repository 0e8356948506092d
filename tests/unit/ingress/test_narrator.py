"""The narrator of ingress: what was dropped, and the client's answer to it, once."""

from __future__ import annotations

import logging

import pytest

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2
from services.ingress.narrator import Narrator


def test_an_answer_that_was_asked_for_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """A client that answers again and again, or what nobody asked, fills no log."""
    caplog.set_level(logging.INFO, "parley.ingress")
    narrator = Narrator()
    narrator.silent("s", audio.Flushed(seq=2, reply=1, position=24_000))
    narrator.verdict(session_pb2.Interrupt(traceparent=f"00-{'a' * 32}-00f067aa0ba902b7-01"))
    narrator.cleared("s", client.Flush(seq=2, floor=1), 1, 3)
    for _ in range(3):
        narrator.silent("s", audio.Flushed(seq=2, reply=1, position=24_000))
    told = [(record.getMessage(), record.fields["trace_id"]) for record in caplog.records]  # type: ignore[attr-defined]
    assert told == [
        ("session s: buffers cleared, reply 1, seq 2: 3 messages to the client", "a" * 32),
        ("session s: client silent, reply 1, seq 2: 1000 ms of the reply were heard", "a" * 32),
    ]
