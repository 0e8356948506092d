"""Client events as they come off the wire: JSON to a dict, base64 to audio, or an error that says what is wrong."""

from __future__ import annotations

import base64
import binascii
import json

from services.engine.events import ClientError, Event

_MAX_APPEND_BYTES = 15 * 2**20
_MAX_EVENT_ID = 512


def parse(message: str | bytes) -> Event:
    """Read one WebSocket message as an event. Raises ClientError."""
    if isinstance(message, bytes):
        raise ClientError("invalid_event", "Send events as text frames of JSON, not as binary frames")
    try:
        event = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise ClientError("invalid_event", f"The event is not JSON: {error}") from error
    if not isinstance(event, dict):
        raise ClientError("invalid_event", "An event must be a JSON object")
    return event


def event_id_of(event: Event) -> str | None:
    """The id a client gave its event, to be named in an error about it. Raises ClientError."""
    event_id = event.get("event_id")
    if event_id is None:
        return None
    if not isinstance(event_id, str) or len(event_id) > _MAX_EVENT_ID:
        message = f"event_id must be a string of at most {_MAX_EVENT_ID} characters"
        raise ClientError("invalid_value", message, "event_id")
    return event_id


def decode_audio(audio: object) -> bytes:
    """PCM16LE mono at 24 kHz from the base64 of an append. Raises ClientError."""
    if not isinstance(audio, str):
        raise ClientError("missing_required_parameter", "audio must be a base64 string", "audio")
    try:
        pcm = base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ClientError("invalid_value", f"audio is not base64: {error}", "audio") from error
    if len(pcm) % 2 or len(pcm) > _MAX_APPEND_BYTES:
        message = "audio must be whole 16-bit samples (PCM16LE mono, 24 kHz), at most 15 MiB"
        raise ClientError("invalid_value", message, "audio")
    return pcm
