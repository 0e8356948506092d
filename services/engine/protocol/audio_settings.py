"""The `audio` of a session, as a client sets it: formats, transcription, noise reduction, turn detection, the voice.

Noise reduction is taken and shown, and changes nothing: the ear and the recognisers have none that could be switched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from services.engine.protocol.detection_settings import detection_at
from services.engine.protocol.errors import wrong_value
from services.engine.protocol.fields import Fields, choice_at, list_at, needed, number_at, object_at, only, string_at
from services.engine.protocol.formats import format_at

IsVoice = Callable[[str], bool]
"""Whether the engine has a voice of this name."""

VOICES: Final = ("alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse")
"""The voices of the Realtime API. An engine has each of them, and more of its own."""

DEFAULT_VOICE: Final = "marin"
_SPEEDS: Final = (0.25, 1.5)
_MAX_NAME: Final = 256
_MAX_PROMPT: Final = 10_000
_MAX_WORDS: Final = 1_000


def input_at(change: Fields, current: Fields, path: str) -> Fields:
    """`audio.input` after a change. Raises ClientError."""
    only(change, current, path)
    merged = dict(current)
    for name, value in change.items():
        where = f"{path}.{name}"
        if name == "format":
            merged[name] = current[name] if value is None else format_at(value, where)
        elif value is None:
            merged[name] = None
        elif name == "turn_detection":
            merged[name] = detection_at(object_at(value, where), current[name], where)
        elif name == "transcription":
            merged[name] = _transcription(object_at(value, where), current[name], where)
        else:
            merged[name] = _noise_reduction(object_at(value, where), current[name], where)
    return merged


def output_at(change: Fields, current: Fields, path: str, is_voice: IsVoice) -> Fields:
    """`audio.output` after a change. Raises ClientError."""
    only(change, current, path)
    merged = dict(current)
    for name, value in change.items():
        where = f"{path}.{name}"
        if value is None:
            continue
        if name == "format":
            merged[name] = format_at(value, where)
        elif name == "voice":
            merged[name] = _voice(value, where, is_voice)
        else:
            number_at(value, where, *_SPEEDS)
            merged[name] = value
    return merged


def _voice(value: object, path: str, is_voice: IsVoice) -> str:
    if isinstance(
        value, dict
    ):  # one of the client's own at OpenAI, which is not here: the default stands in, and shows
        only(value, ("id",), path)
        string_at(needed(value, "id", path), f"{path}.id", _MAX_NAME)
        return DEFAULT_VOICE
    name = string_at(value, path, _MAX_NAME)
    if name not in VOICES and not is_voice(name):
        raise wrong_value(path, f"there is no voice '{name}'. Choose one of {', '.join(VOICES)}")
    return name


_TRANSCRIPTION: Final = ("model", "language", "languages", "prompt", "keywords", "delay")


def _transcription(change: Fields, current: Fields | None, path: str) -> Fields:
    only(change, _TRANSCRIPTION, path)
    if change.get("language") is not None and change.get("languages"):
        raise wrong_value(f"{path}.languages", "send language or languages, not both")
    merged = dict(current or {})
    for name, value in change.items():
        if value is None:
            merged.pop(name, None)
            continue
        merged[name] = _of_transcription(name, value, f"{path}.{name}")
        if name in ("language", "languages"):
            merged.pop("languages" if name == "language" else "language", None)
    return merged


def _of_transcription(name: str, value: object, path: str) -> Any:
    if name == "delay":
        return choice_at(value, path, ("minimal", "low", "medium", "high", "xhigh"))
    if name not in ("languages", "keywords"):
        return string_at(value, path, _MAX_PROMPT if name == "prompt" else _MAX_NAME)
    words = [string_at(word, f"{path}[{index}]", _MAX_NAME) for index, word in enumerate(list_at(value, path))]
    if len(words) > _MAX_WORDS:
        raise wrong_value(path, f"it may have {_MAX_WORDS} entries at most")
    return words


def _noise_reduction(change: Fields, current: Fields | None, path: str) -> Fields:
    only(change, ("type", "strength"), path)
    merged = dict(current or {})
    if current is None or change.get("type") is not None:
        merged["type"] = choice_at(needed(change, "type", path), f"{path}.type", ("near_field", "far_field"))
    if change.get("strength") is not None:
        merged["strength"] = number_at(change["strength"], f"{path}.strength", 0.0, 1.0)
    return merged
