"""The conversation as the model remembers it: items in order, with what was heard of each."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from services.engine.events import ClientError, new_id
from services.engine.speech import SAMPLES_PER_MS

_ROOT = "root"
_KEPT_AUDIO_ITEMS = 4  # audio is kept for `conversation.item.retrieve` only; a minute of it is 2.9 MB
_CONTENT_TYPES = {
    "system": ("input_text",),
    "user": ("input_text", "input_audio"),
    "assistant": ("output_text",),
}


@dataclass(slots=True)
class Item:
    """One item. `text` is what was typed, transcribed or (an assistant's) said and not truncated away.

    Of an assistant's audio, `word_starts` holds each word with the sample it begins at.
    """

    id: str
    kind: str = "message"
    role: str = ""
    text: str = ""
    is_audio: bool = False
    status: str = "completed"
    samples: int = 0
    pcm: bytearray | None = None
    word_starts: list[tuple[str, int]] = field(default_factory=list)
    transcribed: bool = True
    call: dict[str, str] = field(default_factory=dict)

    @property
    def duration_ms(self) -> int:
        """Length of its audio, in whole milliseconds."""
        return self.samples // SAMPLES_PER_MS

    def as_dict(self, with_audio: bool = False) -> dict[str, Any]:
        """The item as the protocol writes it; its audio only for `conversation.item.retrieved`."""
        base = {"id": self.id, "object": "realtime.item", "type": self.kind, "status": self.status}
        if self.kind != "message":
            return {**base, **self.call}
        return {**base, "role": self.role, "content": self._content(with_audio)}

    def _content(self, with_audio: bool) -> list[dict[str, Any]]:
        if not self.is_audio:
            kind = "output_text" if self.role == "assistant" else "input_text"
            return [{"type": kind, "text": self.text}] if self.text or self.status == "completed" else []
        if self.role == "assistant" and not self.samples and self.status == "in_progress":
            return []
        part: dict[str, Any] = {
            "type": "output_audio" if self.role == "assistant" else "input_audio",
            "transcript": self.text if self.transcribed else None,
        }
        if with_audio and self.pcm is not None:
            part["audio"] = base64.b64encode(self.pcm).decode()
        return [part]

    def truncate(self, audio_end_ms: int) -> None:
        """Forget what lies after `audio_end_ms`: the audio, and the words that had not begun by then."""
        self.samples = audio_end_ms * SAMPLES_PER_MS
        if self.pcm is not None:
            del self.pcm[self.samples * 2 :]
        self.word_starts = [(word, start) for word, start in self.word_starts if start < self.samples]
        self.text = "".join(word for word, _ in self.word_starts).strip()


class Conversation:
    """The items of a session in order."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def find(self, item_id: object) -> Item | None:
        """The item of that id, if it is (still) here."""
        return next((item for item in self._items if item.id == item_id), None)

    def get(self, item_id: object, verb: str) -> Item:
        """The item of that id. Raises ClientError `item_<verb>_invalid_item_id`."""
        if item := self.find(item_id):
            return item
        message = f"Error {verb[:-1]}ing item: the item with id '{item_id}' does not exist."
        raise ClientError(f"item_{verb}_invalid_item_id", message, "item_id")

    def add(self, item: Item, after: object = None) -> str | None:
        """Put an item at the end, after another, or ("root") first; gives the id of the one before it."""
        if self.find(item.id):
            message = f"An item with id '{item.id}' exists already: choose another id or none"
            raise ClientError("item_create_duplicate_item_id", message, "item.id")
        place = len(self._items)
        if after == _ROOT:
            place = 0
        elif after is not None:
            place = self._items.index(self.get(after, "create")) + 1
        self._items.insert(place, item)
        self._drop_old_audio()
        return self._items[place - 1].id if place else None

    def delete(self, item_id: object) -> None:
        """Take an item out. Raises ClientError."""
        self._items.remove(self.get(item_id, "delete"))

    def truncate(self, item_id: object, content_index: object, audio_end_ms: object) -> Item:
        """Cut an assistant's audio back to what was heard. Raises ClientError, and then nothing changes."""
        item = self.get(item_id, "truncate")
        if isinstance(audio_end_ms, bool) or not isinstance(audio_end_ms, int) or audio_end_ms < 0:
            raise ClientError("invalid_value", "audio_end_ms must be an integer from 0", "audio_end_ms")
        if item.role != "assistant" or not item.is_audio or not item.samples:
            message = "Only model output audio messages can be truncated"
            raise ClientError("unsupported_content_type", message, "item_id")
        if content_index != 0:
            raise ClientError("invalid_value", "content_index must be 0: there is one part", "content_index")
        if audio_end_ms > item.duration_ms:
            message = f"Audio content of {item.duration_ms}ms is already shorter than {audio_end_ms}ms"
            raise ClientError("invalid_value", message, "audio_end_ms")
        item.truncate(audio_end_ms)
        return item

    def _drop_old_audio(self) -> None:
        for item in [item for item in self._items if item.pcm is not None][:-_KEPT_AUDIO_ITEMS]:
            item.pcm = None


def parse_item(fields: object) -> Item:
    """Read the `item` of `conversation.item.create`. Raises ClientError."""
    if not isinstance(fields, dict):
        raise ClientError("invalid_type", "item must be an object", "item")
    item = Item(id=_item_id(fields), kind=str(fields.get("type")))
    if item.kind == "message":
        _read_message(item, fields)
    elif item.kind == "function_call":
        item.call = {name: _string(fields, name) for name in ("name", "arguments")}
        item.call["call_id"] = str(fields.get("call_id") or new_id("call"))
    elif item.kind == "function_call_output":
        item.call = {name: _string(fields, name) for name in ("call_id", "output")}
    else:
        message = "item.type must be message, function_call or function_call_output"
        raise ClientError("invalid_value", message, "item.type")
    return item


def _item_id(fields: dict[str, Any]) -> str:
    given = fields.get("id")
    if given is None:
        return new_id("item")
    if not isinstance(given, str) or not 1 <= len(given) <= 64:
        raise ClientError("invalid_value", "item.id must be a string of 1 to 64 characters", "item.id")
    return given


def _string(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise ClientError("missing_required_parameter", f"item.{name} must be a string", f"item.{name}")
    return value


def _read_message(item: Item, fields: dict[str, Any]) -> None:
    item.role = _string(fields, "role")
    parts = fields.get("content")
    if item.role not in _CONTENT_TYPES:
        raise ClientError("invalid_value", "item.role must be system, user or assistant", "item.role")
    if not isinstance(parts, list) or not parts:
        message = "item.content must be a list with at least one part"
        raise ClientError("missing_required_parameter", message, "item.content")
    texts = [_read_part(item.role, part, index) for index, part in enumerate(parts)]
    item.text = " ".join(filter(None, texts))


def _read_part(role: str, part: object, index: int) -> str:
    path = f"item.content[{index}]"
    allowed = _CONTENT_TYPES[role]
    if not isinstance(part, dict) or part.get("type") not in allowed:
        message = f"{path}.type must be {' or '.join(allowed)} for role {role}"
        raise ClientError("invalid_value", message, f"{path}.type")
    if part["type"] == "input_audio":
        transcript = part.get("transcript")
        if not isinstance(transcript, str):
            message = f"{path} needs its transcript: append and commit audio to have it recognised"
            raise ClientError("invalid_value", message, path)
        return transcript
    text = part.get("text")
    if not isinstance(text, str):
        raise ClientError("missing_required_parameter", f"{path}.text must be a string", f"{path}.text")
    return text
