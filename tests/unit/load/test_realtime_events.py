"""The fake model's events, held to the official types: what it says, a real one could say."""

from __future__ import annotations

import base64
import json

import pytest

from tests.fakes.realtime.wire import server_faults
from tests.load import realtime_events as events

RESPONSE = events.ResponseEvents(513, {"reply": "3", "turn": "2"})
ALL = [
    events.session_event("session.created"),
    events.session_event("session.updated"),
    *events.turn_taken("item_u1", None),
    *events.turn_taken("item_u2", "item_u1"),
    *RESPONSE.begun(),
    RESPONSE.audio(960),
    RESPONSE.words("word "),
    *RESPONSE.ended("completed"),
    *RESPONSE.ended("cancelled"),
    events.written({"type": "input_audio_buffer.cleared"}),
    events.written({"type": "conversation.item.deleted", "item_id": "item_r1"}),
    events.written(
        {"type": "conversation.item.truncated", "item_id": "item_r1", "content_index": 0, "audio_end_ms": 1_500}
    ),
]


@pytest.mark.parametrize("message", ALL, ids=lambda message: json.loads(message)["type"])
def test_an_event_is_what_the_official_types_want(message: bytes) -> None:
    """No field is missing, none is of a wrong type, none is invented."""
    assert server_faults(json.loads(message)) == []


def test_every_sample_of_a_response_is_its_serial() -> None:
    """The client can tell from any sample which response it hears."""
    pcm = base64.b64decode(json.loads(RESPONSE.audio(960))["delta"])
    assert pcm == (513).to_bytes(2, "little") * 960


def test_the_requests_metadata_come_back() -> None:
    """The broker recognises the response that it asked for."""
    created = json.loads(RESPONSE.begun()[0])
    assert (created["type"], created["response"]["metadata"]) == ("response.created", {"reply": "3", "turn": "2"})
