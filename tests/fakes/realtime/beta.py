"""The beta protocol, which compatible servers still speak: a flat session, and older names, both ways."""

from __future__ import annotations

from typing import Any, Final

from tests.fakes.realtime.wire import Event

_TYPES: Final = {
    "conversation.item.added": "conversation.item.created",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
}
_UNKNOWN: Final = frozenset({"conversation.item.done", "input_audio_buffer.timeout_triggered"})
"""What the beta protocol has no word for."""

_COUNTED: Final = ("text_tokens", "audio_tokens", "cached_tokens")
_PARTS: Final = {"output_audio": "audio", "output_text": "text"}
_FORMATS: Final = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
_INPUT: Final = {
    "input_audio_format": "format",
    "input_audio_noise_reduction": "noise_reduction",
    "input_audio_transcription": "transcription",
    "turn_detection": "turn_detection",
}
_OUTPUT: Final = {"output_audio_format": "format", "voice": "voice", "speed": "speed"}
_SAME: Final = ("instructions", "tools", "tool_choice", "tracing", "conversation", "metadata", "input")


def to_beta(event: Event) -> Event | None:
    """Put a GA server event into beta words; None for one that there was not."""
    kind = event["type"]
    if kind in _UNKNOWN:
        return None
    event = {**event, "type": _TYPES.get(kind, kind)}
    if "session" in event:
        event["session"] = _flat_session(event["session"])
    if "item" in event:
        event["item"] = _item(event["item"], _PARTS)
    if "response" in event:
        event["response"] = _flat_response(event["response"])
    if kind == "response.function_call_arguments.done":
        del event["name"]
    if kind.endswith("input_audio_transcription.completed"):
        event.pop("usage")
    return event


def from_beta(event: Event) -> Event:
    """Put a beta client event into GA words."""
    event = dict(event)
    if isinstance(event.get("session"), dict):
        event["session"] = {"type": "realtime", **_nested(event["session"])}
    if isinstance(event.get("response"), dict):
        event["response"] = _nested(event["response"])
    if isinstance(event.get("item"), dict):
        event["item"] = _item(event["item"], {name: part for part, name in _PARTS.items()})
    return event


def _item(item: Event, names: dict[str, str]) -> Event:
    if not isinstance(item.get("content"), list):
        return item
    return {**item, "content": [{**part, "type": names.get(part["type"], part["type"])} for part in item["content"]]}


def _flat_session(session: Event) -> Event:
    incoming, outgoing = session["audio"]["input"], session["audio"].get("output", {})
    flat = {"id": session["id"], "modalities": _modalities(session.get("output_modalities", ["audio"]))}
    flat |= {name: incoming[nested] for name, nested in _INPUT.items()}
    flat |= {name: outgoing[nested] for name, nested in _OUTPUT.items() if nested in outgoing}
    flat |= {name: session[name] for name in ("instructions", "tools", "tool_choice") if name in session}
    flat["max_response_output_tokens"] = session.get("max_output_tokens", "inf")
    if flat["turn_detection"] is not None:
        flat["turn_detection"] = {k: v for k, v in flat["turn_detection"].items() if k != "idle_timeout_ms"}
    return _with_formats(flat, {new: old for old, new in _FORMATS.items()})


def _flat_response(response: Event) -> Event:
    flat = {name: value for name, value in response.items() if name not in ("audio", "output_modalities")}
    flat["modalities"] = _modalities(response["output_modalities"])
    flat["output"] = [_item(item, _PARTS) for item in response["output"]]
    if (usage := response["usage"]) is not None:
        read = {name: usage["input_token_details"][name] for name in _COUNTED}
        flat["usage"] = {**usage, "input_token_details": read}
    return flat


def _modalities(modalities: list[str]) -> list[str]:
    """Audio always came with text."""
    return ["audio", "text"] if "audio" in modalities else ["text"]


def _with_formats(flat: Event, names: dict[str, str]) -> Event:
    for name in ("input_audio_format", "output_audio_format"):
        if isinstance(flat.get(name), dict):
            flat[name] = names[flat[name]["type"]]
    return flat


def _nested(flat: Event) -> Event:
    """Nest what was flat; only what is there."""
    nested: dict[str, Any] = {name: flat[name] for name in _SAME if name in flat}
    for name in ("max_response_output_tokens", "max_output_tokens"):
        if name in flat:
            nested["max_output_tokens"] = flat[name]
    if "modalities" in flat:
        nested["output_modalities"] = ["audio"] if "audio" in flat["modalities"] else ["text"]
    audio: dict[str, Any] = {}
    for side, names in (("input", _INPUT), ("output", _OUTPUT)):
        found = {
            ga: _format(flat[name]) if ga == "format" else flat[name] for name, ga in names.items() if name in flat
        }
        if found:
            audio[side] = found
    return nested | ({"audio": audio} if audio else {})


def _format(name: str) -> Event:
    kind = _FORMATS[name]
    return {"type": kind, "rate": 24_000} if kind == "audio/pcm" else {"type": kind}
