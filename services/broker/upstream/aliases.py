"""Aliases: one name for a turn's item, where a server gives it two.

LocalAI names another item in `input_audio_buffer.committed` than in what it says of the turn afterwards. The core knows
the turn by the first name; the second is put in its place, and back again on the way out.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Any, Final

from services.broker.event import table, text
from services.broker.upstream.driver import Message

_MOST: Final = 512
_ANNOUNCES: Final = frozenset({"input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"})
_COMMITTED: Final = "input_audio_buffer.committed"
_TRANSCRIPT: Final = "conversation.item.input_audio_transcription."
_FIELDS: Final = ("item_id", "previous_item_id")


class Aliases:
    """Where every item has one name only, nothing is ever put in place of anything."""

    def __init__(self) -> None:
        self._announced: OrderedDict[str, None] = OrderedDict()
        """The names of turns that are right, the latest."""
        self._waiting: deque[str] = deque(maxlen=64)
        """Of these, the committed ones of which nothing more was said."""
        self._ours: OrderedDict[str, str] = OrderedDict()
        self._theirs: OrderedDict[str, str] = OrderedDict()

    def incoming(self, event: Message) -> Message:
        """Return an event of the server's with the names that the core knows."""
        kind, item = text(event, "type"), table(event, "item")
        name = text(event, "item_id") or text(item, "id")
        if kind == _COMMITTED or kind in _ANNOUNCES:
            _remember(self._announced, name, None)
            if kind == _COMMITTED and name:
                self._waiting.append(name)
        elif name and (kind.startswith(_TRANSCRIPT) or _is_spoken(item)):
            self._meet(name)
        if not self._ours:
            return event
        if (inner := text(item, "id")) in self._ours:
            event = {**event, "item": {**item, "id": self._ours[inner]}}
        return _renamed(event, self._ours)

    def outgoing(self, event: Mapping[str, Any]) -> Message:
        """Return an event of the core's with the names that the server knows."""
        return _renamed(dict(event), self._theirs)

    def _meet(self, name: str) -> None:
        """Something is said of a turn: is it one that was announced under another name?"""
        if name in self._waiting:
            self._waiting.remove(name)
        elif self._waiting and name not in self._announced and name not in self._ours:
            ours = self._waiting.popleft()
            _remember(self._ours, name, ours)
            _remember(self._theirs, ours, name)


def _is_spoken(item: Mapping[str, Any]) -> bool:
    content = item.get("content")
    parts = content if isinstance(content, list) else []
    return text(item, "role") == "user" and any(
        isinstance(part, dict) and text(part, "type") == "input_audio" for part in parts
    )


def _renamed(event: Message, names: Mapping[str, str]) -> Message:
    found = {field: names[name] for field in _FIELDS if (name := text(event, field)) in names}
    return {**event, **found} if found else event


def _remember(names: OrderedDict[str, Any], name: str, value: object) -> None:
    if name:
        names[name] = value
    if len(names) > _MOST:
        names.popitem(last=False)
