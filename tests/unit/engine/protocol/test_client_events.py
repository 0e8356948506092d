"""Client events off the wire: whatever is wrong with one is said once, and harms nothing."""

from __future__ import annotations

import json

import pytest

from services.engine.protocol.client_event import FIELDS
from tests.unit.engine.protocol.client import MANUAL, Client


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ("{", "invalid_event", None),
        ("[" * 100_000, "invalid_event", None),
        ("[]", "invalid_event", None),
        ('{"type": "session.update", "session": ' + '{"a": ' * 300 + "1" + "}" * 301, "invalid_event", None),
        ('{"type": "response.create", "response": {"instructions": "\\ud83d"}}', "invalid_event", None),
        ('{"type": "conversation.item.truncate", "audio_end_ms": NaN}', "invalid_event", None),
        ("{}", "invalid_event", "type"),
        ('{"type": 3}', "invalid_event", "type"),
        (b"\x00", "invalid_event", None),
        ('{"type": "conversation.item.created"}', "invalid_value", "type"),
        ('{"type": "input_audio_buffer.append", "audio": "?"}', "invalid_value", "audio"),
        ('{"type": "input_audio_buffer.append", "audio": "AAAA"}', "invalid_value", "audio"),
        ('{"type": "input_audio_buffer.append", "audio": 7}', "invalid_type", "audio"),
        ('{"type": "input_audio_buffer.append"}', "missing_required_parameter", "audio"),
        ('{"type": "input_audio_buffer.commit", "final": true}', "unknown_parameter", "final"),
        ('{"type": "session.update"}', "missing_required_parameter", "session"),
        ('{"type": "conversation.item.create"}', "missing_required_parameter", "item"),
        ('{"type": "conversation.item.delete"}', "missing_required_parameter", "item_id"),
        ('{"type": "response.create", "response": []}', "invalid_type", "response"),
        ('{"type": "response.create", "event_id": 7}', "invalid_value", "event_id"),
        (json.dumps({"type": "response.create", "event_id": "x" * 513}), "invalid_value", "event_id"),
    ],
)
def test_nonsense_is_answered(message: str | bytes, code: str, param: str | None) -> None:
    """Whatever a client sends, it gets one error that says why, and the session is as usable as before."""
    client = Client(session=MANUAL)
    (event,) = client.take(client.core.receive(message))
    assert (event["error"]["code"], event["error"]["param"]) == (code, param)
    assert client.respond()


def test_every_event_has_a_handler() -> None:
    """Each event that is let through is understood: none ends in a fault of the engine's."""
    client = Client(session=MANUAL)
    for kind in FIELDS:
        assert client.send(kind, event_id="e"), kind


def test_the_unknown_event_names_the_known() -> None:
    """A client that speaks the beta is told what it may send."""
    error = Client().error("transcription_session.update")
    assert "session.update" in error["message"]


def test_whole_characters_may_be_escaped() -> None:
    """Both halves of a pair are a character, and come back as one."""
    client = Client(session=MANUAL)
    item = '{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "\\ud83d\\ude00"}]}'
    client.take(client.core.receive(f'{{"type": "conversation.item.create", "item": {item}}}'))
    assert [item.text for item in client.core.conversation] == ["😀"]
