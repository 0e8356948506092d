"""Items as a client gives them: for its conversation, or as the input of one response."""

from __future__ import annotations

from typing import Final

from services.engine.protocol.client_event import decode_audio
from services.engine.protocol.errors import ClientError, wrong_value
from services.engine.protocol.events import new_id
from services.engine.protocol.fields import Fields, choice_at, list_at, needed, object_at, only, string_at
from services.engine.protocol.formats import RATE_HZ, Decoder
from services.engine.protocol.item import Item, Part

_BASE: Final = ("id", "object", "type", "status")
_FIELDS: Final = {
    "message": ("role", "content"),
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
}
_PARTS: Final = {
    "system": ("input_text",),
    "user": ("input_text", "input_audio"),
    "assistant": ("output_text",),
}
_PART_FIELDS: Final = ("type", "text", "audio", "transcript", "image_url", "detail")
_LONGEST_ID: Final = 64
_MAX_TEXT: Final = 1 << 20
_MAX_AUDIO_S: Final = 300


def parse_item(value: object, path: str, audio_format: Fields) -> Item:
    """Read an item; audio in it is in the session's input format, and is yet to be recognised. Raises ClientError."""
    fields = object_at(value, path)
    kind = choice_at(needed(fields, "type", path), f"{path}.type", _FIELDS)
    only(fields, (*_BASE, *_FIELDS[kind]), path)
    item = Item(id=_item_id(fields, path), kind=kind)
    if kind == "message":
        item.role = choice_at(needed(fields, "role", path), f"{path}.role", _PARTS)
        content = list_at(needed(fields, "content", path), f"{path}.content")
        if not content:
            raise wrong_value(f"{path}.content", "it must have at least one part")
        item.parts = [
            _part(part, item.role, f"{path}.content[{index}]", audio_format) for index, part in enumerate(content)
        ]
        if sum(not part.transcribed for part in item.parts) > 1:
            raise wrong_value(f"{path}.content", "it may have one part with audio: send an item for each")
    else:
        item.call = {name: _call_field(fields, name, path) for name in _FIELDS[kind]}
    return item


def _item_id(fields: Fields, path: str) -> str:
    given = fields.get("id")
    if given is None:
        return new_id("item")
    if not isinstance(given, str) or not 1 <= len(given) <= _LONGEST_ID or given == "root":
        raise wrong_value(f"{path}.id", f'it must be a string of 1 to {_LONGEST_ID} characters, and not "root"')
    return given


def _call_field(fields: Fields, name: str, path: str) -> str:
    if name == "call_id" and fields["type"] == "function_call" and fields.get(name) is None:
        return new_id("call")
    longest = _LONGEST_ID if name in ("call_id", "name") else _MAX_TEXT
    return string_at(needed(fields, name, path), f"{path}.{name}", longest)


def _part(value: object, role: str, path: str, audio_format: Fields) -> Part:
    fields = object_at(value, path)
    only(fields, _PART_FIELDS, path)
    kind = needed(fields, "type", path)
    if kind == "input_image":
        message = "This engine does not see: send text or audio instead of an image"
        raise ClientError("unsupported_content_type", message, f"{path}.type")
    if kind == "output_audio" and role == "assistant":
        message = "Audio of the assistant cannot be given: send what it said as output_text"
        raise ClientError("unsupported_content_type", message, f"{path}.type")
    choice_at(kind, f"{path}.type", _PARTS[role])
    if kind == "input_audio":
        return _spoken(fields, path, audio_format)
    return Part(kind, string_at(needed(fields, "text", path), f"{path}.text", _MAX_TEXT))


def _spoken(fields: Fields, path: str, audio_format: Fields) -> Part:
    """What was said: its audio, or, of a conversation that is put in again, its transcript alone."""
    transcript = fields.get("transcript")
    words = "" if transcript is None else string_at(transcript, f"{path}.transcript", _MAX_TEXT)
    if fields.get("audio") is None and transcript is not None:
        return Part("input_audio", words)
    decoder = Decoder(audio_format)
    audio = decode_audio(fields.get("audio"), f"{path}.audio", decoder.sample_bytes)
    pcm = decoder.feed(audio) + decoder.finish()
    if len(pcm) // 2 > _MAX_AUDIO_S * RATE_HZ:
        raise wrong_value(f"{path}.audio", f"it may last {_MAX_AUDIO_S} s at most")
    return Part("input_audio", words, len(pcm) // 2, bytearray(pcm), transcribed=False)
