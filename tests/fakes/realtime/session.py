"""A session's configuration: the defaults of the real service, and what an update may change."""

from __future__ import annotations

import copy
from typing import Any

from tests.fakes.realtime.wire import Event, Refusal

_TRANSCRIPTION_TURNS = ("type", "threshold", "prefix_padding_ms", "silence_duration_ms")


def default_session(session_id: str, model: str, expires_at: int) -> Event:
    """Give the configuration of a new session as `session.created` shows it: server VAD is on."""
    pcm = {"type": "audio/pcm", "rate": 24_000}
    turns = {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 200,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "You are a helpful assistant.",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": expires_at,
        "audio": {
            "input": {"format": pcm, "transcription": None, "noise_reduction": None, "turn_detection": turns},
            "output": {"format": dict(pcm), "voice": "marin", "speed": 1.0},
        },
        "include": None,
    }


def transcription_session(session_id: str, expires_at: int) -> Event:
    """Give the configuration of a session that only writes down what is said (`?intent=transcription`)."""
    whole = default_session(session_id, "", expires_at)
    turns = {name: whole["audio"]["input"]["turn_detection"][name] for name in _TRANSCRIPTION_TURNS}
    return {
        "type": "transcription",
        "object": "realtime.transcription_session",
        "id": session_id,
        "expires_at": expires_at,
        "audio": {"input": whole["audio"]["input"] | {"turn_detection": turns}},
        "include": None,
    }


def updated_session(session: Event, change: Event, has_spoken: bool) -> Event:
    """Merge an update: what is absent stays, null clears.

    Raises Refusal for a missing type, another model, and another voice after the first audio (`has_spoken`).
    """
    if change.get("type") is None:
        raise Refusal("missing_required_parameter", "Missing required parameter: 'session.type'.", "session.type")
    if change["type"] != session["type"]:
        raise Refusal("invalid_value", f"Passing a {change['type']} session here is not allowed.", "session.type")
    merged = _merge(session, change)
    if session["type"] == "transcription":
        return merged
    if merged["model"] != session["model"]:
        raise Refusal("invalid_value", "The model of a session cannot be changed.", "session.model")
    if has_spoken and merged["audio"]["output"]["voice"] != session["audio"]["output"]["voice"]:
        raise Refusal("cannot_update_voice", "Cannot update a conversation's voice if assistant audio is present.")
    return merged


def _merge(old: Event, change: Event) -> Event:
    merged: dict[str, Any] = copy.copy(old)
    for name, value in change.items():
        nested = isinstance(value, dict) and isinstance(old.get(name), dict) and name in ("audio", "input", "output")
        merged[name] = _merge(old[name], value) if nested else value
    return merged
