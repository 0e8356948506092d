"""Client events as they come off the wire: JSON to a dict, base64 to audio, or an error that says what is wrong."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final

from services.engine.protocol.errors import ClientError, missing, wrong_type, wrong_value
from services.engine.protocol.events import Event
from services.engine.protocol.fields import only

_MAX_AUDIO_BYTES: Final = 15 * 2**20  # of an append, says OpenAI
_MAX_EVENT_ID: Final = 512
_MAX_DEPTH: Final = 64  # no event needs ten; the parameters of a tool may

FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "session.update": ("session",),
    "input_audio_buffer.append": ("audio",),
    "input_audio_buffer.commit": (),
    "input_audio_buffer.clear": (),
    "conversation.item.create": ("item", "previous_item_id"),
    "conversation.item.delete": ("item_id",),
    "conversation.item.retrieve": ("item_id",),
    "conversation.item.truncate": ("item_id", "content_index", "audio_end_ms"),
    "response.create": ("response",),
    "response.cancel": ("response_id",),
}
"""The events there are, and the fields of each besides `type` and `event_id`."""


def parse(message: str | bytes) -> Event:
    """Read one WebSocket message as an event. Raises ClientError."""
    if isinstance(message, bytes):
        raise ClientError("invalid_event", "Send events as text frames of JSON, not as binary frames")
    try:
        event = json.loads(message, parse_constant=_no_number)
        if "\\ud" in message or "\\uD" in message:  # an escape that may be half a character
            json.dumps(event, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ClientError("invalid_event", "The event holds half a surrogate pair, which is no text") from error
    except (ValueError, RecursionError) as error:
        raise ClientError("invalid_event", f"The event is not JSON: {error}") from error
    if not isinstance(event, dict):
        raise ClientError("invalid_event", "An event must be a JSON object")
    if _is_deeper(event, _MAX_DEPTH):
        raise ClientError("invalid_event", f"The event is nested more than {_MAX_DEPTH} levels deep")
    return event


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _is_deeper(event: Event, levels: int) -> bool:
    """Whether something lies deeper than so many levels; walked level by level, since depth is what may be too much."""
    level: list[Any] = [event]
    for _ in range(levels):
        below: list[Any] = []
        for value in level:
            below += (v for v in (value.values() if isinstance(value, dict) else value) if isinstance(v, dict | list))
        if not below:
            return False
        level = below
    return True


def event_id_of(event: Event) -> str | None:
    """The id a client gave its event, to be named in an error about it. Raises ClientError."""
    event_id = event.get("event_id")
    if event_id is None:
        return None
    if not isinstance(event_id, str) or len(event_id) > _MAX_EVENT_ID:
        raise wrong_value("event_id", f"it must be a string of at most {_MAX_EVENT_ID} characters")
    return event_id


def kind_of(event: Event) -> str:
    """The type of an event that exists and has no field that does not. Raises ClientError."""
    kind = event.get("type")
    if not isinstance(kind, str):
        raise ClientError("invalid_event", "The event has no 'type'", "type")
    if kind not in FIELDS:
        known = ", ".join(FIELDS)
        raise ClientError("invalid_value", f"Unknown event type '{kind[:80]}'. Supported are: {known}", "type")
    only(event, ("type", "event_id", *FIELDS[kind]), "")
    return kind


def decode_audio(audio: object, path: str, sample_bytes: int) -> bytes:
    """Audio from base64, in whole samples of `sample_bytes`. Raises ClientError."""
    if audio is None:
        raise missing(path)
    if not isinstance(audio, str):
        raise wrong_type(path, "a base64 string")
    try:
        decoded = base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError) as error:
        raise wrong_value(path, f"it is not base64 ({error})") from error
    if len(decoded) > _MAX_AUDIO_BYTES:
        raise wrong_value(path, "it may hold 15 MiB of audio at most")
    if len(decoded) % sample_bytes:
        raise wrong_value(path, "it must be whole 16-bit samples (little endian, mono, 24 kHz)")
    return decoded
