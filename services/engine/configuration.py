"""The session object: what a client may set, checked and merged as the Realtime API does it.

Absent means unchanged, null clears; an update that is refused changes nothing.
"""

from __future__ import annotations

import copy
from typing import Any

from services.engine.events import ClientError
from services.engine.speech import DEFAULT_VOICE, ESPEAK_VOICE, VOICES

Fields = dict[str, Any]

_PCM = {"type": "audio/pcm", "rate": 24_000}
_SPEED_RANGE = (0.25, 1.5)

_DEFAULTS: Fields = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "instructions": "",
    "tools": [],
    "tool_choice": "auto",
    "parallel_tool_calls": None,
    "reasoning": None,
    "max_output_tokens": "inf",
    "tracing": None,
    "truncation": "auto",
    "prompt": None,
    "include": None,
    "audio": {
        "input": {
            "format": _PCM,
            "transcription": None,
            "noise_reduction": None,
            "turn_detection": None,
        },
        "output": {"format": _PCM, "voice": "marin", "speed": 1.0},
    },
}


class Configuration:
    """The settings of one session."""

    def __init__(self, session_id: str, model: str, expires_at: int) -> None:
        self._fields: Fields = {
            "id": session_id,
            "object": "realtime.session",
            "model": model,
            "expires_at": expires_at,
            **copy.deepcopy(_DEFAULTS),
        }

    def as_dict(self) -> Fields:
        """The session object of `session.created` and `session.updated`."""
        return copy.deepcopy(self._fields)

    @property
    def transcription(self) -> Fields | None:
        """The input transcription settings; None means that no transcription events are wanted."""
        wanted: Fields | None = self._fields["audio"]["input"]["transcription"]
        return wanted

    @property
    def voice(self) -> str:
        """The voice to speak with: a Realtime voice or an espeak one."""
        return self.voice_of(self._fields["audio"]["output"])

    @staticmethod
    def voice_of(output: Fields) -> str:
        """The voice that `audio.output` fields name; empty if there is none such."""
        return _voice_name(output["voice"])

    @property
    def speed(self) -> float:
        """The rate of speech, as a factor."""
        return float(self._fields["audio"]["output"]["speed"])

    @property
    def modality(self) -> str:
        """What a response is made of: "audio" or "text"."""
        return str(self._fields["output_modalities"][0])

    def update(self, change: object, has_spoken: bool) -> None:
        """Merge the `session` of a `session.update`. Raises ClientError, and then nothing has changed."""
        fields = _object(change, "session")
        if fields.get("type") != "realtime":
            code = "invalid_value" if "type" in fields else "missing_required_parameter"
            raise ClientError(code, 'session.type must be "realtime"', "session.type")
        merged = _merge(self._fields, fields, "session")
        if merged["model"] != self._fields["model"]:
            message = "The model of a session cannot change: connect again with ?model=…"
            raise ClientError("invalid_value", message, "session.model")
        check_modalities(merged["output_modalities"], "session.output_modalities")
        _check_input(merged["audio"]["input"])
        check_output(merged["audio"]["output"], "session.audio.output")
        if has_spoken and _voice_name(merged["audio"]["output"]["voice"]) != self.voice:
            message = "The voice cannot change once the session has produced audio"
            raise ClientError("cannot_update_voice", message, "session.audio.output.voice")
        self._fields = merged


def _object(value: object, path: str) -> Fields:
    if not isinstance(value, dict):
        raise ClientError("invalid_type", f"{path} must be an object", path)
    return value


def _merge(current: Fields, change: Fields, path: str) -> Fields:
    """Put `change` over `current`: the objects named `audio`, `input` and `output` field by field."""
    merged = dict(current)
    for name, value in change.items():
        where = f"{path}.{name}"
        if name not in current or name in ("id", "object", "expires_at"):
            raise ClientError("unknown_parameter", f"Unknown parameter: '{where}'", where)
        if name in ("audio", "input", "output"):
            merged[name] = _merge(current[name], _object(value, where), where)
        else:
            merged[name] = copy.deepcopy(value)
    return merged


def check_modalities(value: object, path: str) -> None:
    """Refuse anything but ["audio"] or ["text"]."""
    if value not in (["audio"], ["text"]):
        raise ClientError("invalid_value", f'{path} must be ["audio"] or ["text"]', path)


def _check_format(value: object, path: str) -> None:
    if value != _PCM:
        message = f'{path} must be {{"type": "audio/pcm", "rate": 24000}}: this engine has no other format'
        raise ClientError("invalid_value", message, path)


def _check_input(fields: Fields) -> None:
    path = "session.audio.input"
    _check_format(fields["format"], f"{path}.format")
    if fields["turn_detection"] is not None:
        message = "This engine does not detect turns: set turn_detection to null, commit and create responses"
        raise ClientError("invalid_value", message, f"{path}.turn_detection")
    for name in ("transcription", "noise_reduction"):
        if fields[name] is not None:
            _object(fields[name], f"{path}.{name}")


def check_output(fields: Fields, path: str) -> None:
    """Refuse an output format, voice or speed that the engine has not."""
    _check_format(fields["format"], f"{path}.format")
    if not ESPEAK_VOICE.fullmatch(_voice_name(fields["voice"])):
        known = ", ".join(VOICES)
        raise ClientError("invalid_value", f"{path}.voice must be one of {known}", f"{path}.voice")
    low, high = _SPEED_RANGE
    speed = fields["speed"]
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not low <= speed <= high:
        raise ClientError("invalid_value", f"{path}.speed must be from {low} to {high}", f"{path}.speed")


def _voice_name(voice: object) -> str:
    # {"id": "voice_…"} is a voice of one's own at OpenAI; here it gets the default one.
    if isinstance(voice, dict) and "id" in voice:
        return DEFAULT_VOICE
    name = str(voice)
    return VOICES.get(name, name if "-" in name or "+" in name else "")
