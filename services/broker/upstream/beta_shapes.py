"""Shapes of the beta protocol: sessions, responses and items of GA's shape put into beta's, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from services.broker.event import table, text

_TO_BETA: Final = {"output_text": "text", "output_audio": "audio"}
_TO_GA: Final = {beta: ga for ga, beta in _TO_BETA.items()}
_SHARED: Final = ("instructions", "tools", "tool_choice", "tracing")
"""What a session has at the same place under the same name."""
_RESPONSE: Final = ("conversation", "instructions", "tools", "tool_choice", "metadata")

Json = dict[str, Any]


def flat_session(session: Mapping[str, Any]) -> Json:
    """Return a session of GA's shape in beta's.

    The formats are left out: pcm16 at 24 kHz is the default, and speaches answers with an error when it is told so.
    Reasoning and truncation are not known there.
    """
    heard, spoken = table(table(session, "audio"), "input"), table(table(session, "audio"), "output")
    flat = {name: session[name] for name in _SHARED if name in session}
    if "output_modalities" in session:
        flat["modalities"] = _both(session["output_modalities"])
    if "max_output_tokens" in session:
        flat["max_response_output_tokens"] = session["max_output_tokens"]
    for name in ("voice", "speed"):
        if name in spoken:
            flat[name] = spoken[name]
    return flat | _hearing(heard)


def flat_transcription(session: Mapping[str, Any]) -> Json:
    """Return a transcription session of GA's shape in beta's."""
    return _hearing(table(table(session, "audio"), "input"))


def nested_session(flat: Mapping[str, Any]) -> Json:
    """Return a session of beta's shape in GA's, as far as the core looks at one."""
    if "audio" in flat:
        return dict(flat)
    names = (*_SHARED, "id", "object", "model", "expires_at")
    nested: Json = {"type": "realtime", **{name: flat[name] for name in names if name in flat}}
    heard = {
        "turn_detection": flat.get("turn_detection"),
        "transcription": flat.get("input_audio_transcription"),
        "noise_reduction": flat.get("input_audio_noise_reduction"),
    }
    return {**nested, "audio": {"input": heard, "output": {"voice": flat.get("voice")}}}


def flat_response(response: Mapping[str, Any]) -> Json:
    """Return what a response.create asks for in beta's shape."""
    flat = {name: response[name] for name in _RESPONSE if name in response}
    if "output_modalities" in response:
        flat["modalities"] = _both(response["output_modalities"])
    if "max_output_tokens" in response:
        flat["max_response_output_tokens"] = response["max_output_tokens"]
    if voice := table(table(response, "audio"), "output").get("voice"):
        flat["voice"] = voice
    if isinstance(given := response.get("input"), list):
        flat["input"] = [beta_item(item) for item in given]
    return flat


def nested_response(response: Mapping[str, Any]) -> Json:
    """Return a response of the server's in GA's shape."""
    nested = dict(response)
    if isinstance(modalities := nested.pop("modalities", None), list):
        nested["output_modalities"] = ["audio"] if "audio" in modalities else ["text"]
    if (voice := nested.pop("voice", None)) is not None:
        nested["audio"] = {"output": {"voice": voice}}
    nested.pop("output_audio_format", None)
    if isinstance(output := nested.get("output"), list):
        nested["output"] = [ga_item(item) for item in output]
    return nested


def beta_item(item: object) -> object:
    """Return an item of GA's shape in beta's."""
    return _item(item, _TO_BETA)


def ga_item(item: object) -> object:
    """Return an item of beta's shape in GA's. What the assistant said is text or audio there, too."""
    return _item(item, _TO_GA)


def _item(item: object, names: Mapping[str, str]) -> object:
    if not isinstance(item, dict) or text(item, "role") != "assistant":
        return item
    content = item.get("content")
    return {**item, "content": [_part(part, names) for part in content]} if isinstance(content, list) else item


def _part(part: object, names: Mapping[str, str]) -> object:
    return {**part, "type": names.get(kind, kind)} if isinstance(part, dict) and (kind := text(part, "type")) else part


def _hearing(heard: Mapping[str, Any]) -> Json:
    flat: Json = {}
    if "turn_detection" in heard:
        flat["turn_detection"] = heard["turn_detection"]
    if "noise_reduction" in heard:
        flat["input_audio_noise_reduction"] = heard["noise_reduction"]
    if "transcription" in heard:
        written = table(heard, "transcription")
        known = {name: written[name] for name in ("model", "language", "prompt") if name in written}
        flat["input_audio_transcription"] = known or None
    return flat


def _both(modalities: object) -> list[str]:
    """Return beta's modalities: audio never comes without text there."""
    return ["text", "audio"] if isinstance(modalities, list) and "audio" in modalities else ["text"]
