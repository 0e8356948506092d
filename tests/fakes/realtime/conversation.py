"""The items of one conversation: what the model would remember, and what it refuses to do to them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.fakes.position_code import RATE_HZ, track_pcm
from tests.fakes.realtime.plan import Word
from tests.fakes.realtime.wire import Event, Refusal


@dataclass(slots=True)
class Item:
    """One item, as the wire shows it (`wire`), with what a test wants to know about it."""

    wire: Event
    response: str | None = None
    track: int = 0
    track_start: int = 0
    generated_samples: int = 0
    words: tuple[Word, ...] = ()
    audio: bytes = b""
    """A user item's committed audio, 24 kHz PCM16LE."""
    heard_text: str | None = None
    """What the model understood of a user item's audio; the transcription follows later, if it is on."""
    truncated_ms: int | None = None
    deleted: bool = False
    by_client: bool = False
    """True for one that the client has put there: told, not heard or said."""

    @property
    def id(self) -> str:
        """The item's id."""
        return str(self.wire["id"])

    @property
    def role(self) -> str:
        """`user`, `assistant`, `system`, or "" for calls and their outputs."""
        return str(self.wire.get("role", ""))

    @property
    def generated_ms(self) -> float:
        """Length of the audio generated so far."""
        return self.generated_samples * 1000 / RATE_HZ

    @property
    def believed_samples(self) -> int:
        """How much of its own audio the model believes was heard: all, unless truncated or deleted."""
        if self.deleted:
            return 0
        if self.truncated_ms is None:
            return self.generated_samples
        return min(self.truncated_ms * RATE_HZ // 1000, self.generated_samples)

    @property
    def text(self) -> str:
        """All text and transcripts of the item, as the conversation now holds them."""
        parts = (part.get("text") or part.get("transcript") or "" for part in self.wire.get("content", ()))
        return " ".join(part for part in parts if part)

    def spoken_by(self, audio_ms: float) -> str:
        """Give the words that begin before `audio_ms` of the item's audio."""
        return "".join(word.text for word in self.words if word.at_sample < audio_ms * RATE_HZ / 1000).strip()

    def retrieved(self) -> Event:
        """Show the item with its audio, cut where it was truncated."""
        if not (self.audio or self.generated_samples):
            return self.wire
        audio = self.audio or track_pcm(self.track, self.believed_samples, self.track_start)
        (part,) = self.wire["content"]
        return {**self.wire, "content": [{**part, "audio": base64.b64encode(audio).decode()}]}


@dataclass(slots=True)
class Conversation:
    """Items in the model's order. `graveyard` keeps the deleted ones for the tests."""

    items: dict[str, Item] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    graveyard: dict[str, Item] = field(default_factory=dict)

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Put an item at the end, at the front (`after="root"`) or behind another; give the one before it.

        Raises Refusal for a taken id or an unknown place.
        """
        if item.id in self.items:
            raise Refusal("item_create_duplicate_item_id", f"Item '{item.id}' already exists.", "item.id")
        place = len(self.order)
        if after == "root":
            place = 0
        elif after is not None:
            self._find(after, "item_create_invalid_previous_item_id")
            place = self.order.index(after) + 1
        self.order.insert(place, item.id)
        self.items[item.id] = item
        return self.order[place - 1] if place else None

    def before(self, item_id: str) -> str | None:
        """Give the id of the item before this one."""
        place = self.order.index(item_id)
        return self.order[place - 1] if place else None

    def delete(self, item_id: str) -> Item:
        """Forget an item. Raises Refusal for an unknown id."""
        item = self._find(item_id, "item_delete_invalid_item_id")
        item.deleted = True
        self.order.remove(item_id)
        self.graveyard[item_id] = self.items.pop(item_id)
        return item

    def retrieve(self, item_id: str) -> Item:
        """Find an item. Raises Refusal for an unknown id."""
        return self._find(item_id, "item_retrieve_invalid_item_id")

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> Item:
        """Cut an assistant's audio and delete its transcript, which may hold words nobody heard.

        Raises Refusal for an unknown item, one without generated audio, and an end beyond what there is.
        """
        item = self._find(item_id, "item_truncate_invalid_item_id")
        if not item.generated_samples:
            raise Refusal("unsupported_content_type", "Only model output audio messages can be truncated")
        if content_index != 0 or audio_end_ms < 0:
            name = "content_index" if content_index else "audio_end_ms"
            raise Refusal("invalid_value", f"Invalid value for '{name}'.", name)
        have_ms = item.generated_ms if item.truncated_ms is None else item.truncated_ms
        if audio_end_ms > have_ms:
            message = f"Audio content of {have_ms:.0f}ms is already shorter than {audio_end_ms}ms"
            raise Refusal("invalid_value", message, "audio_end_ms")
        item.truncated_ms = audio_end_ms
        item.wire["content"] = [{"type": "output_audio"}]
        return item

    def create(self, wire: Mapping[str, object], fresh_id: str, after: str | None) -> Item:
        """Add an item that the client sent. Raises Refusal for what cannot be injected."""
        content = wire.get("content")
        parts = [dict(part) for part in content] if isinstance(content, list) else []
        if wire.get("role") == "assistant" and any(part.get("type") != "output_text" for part in parts):
            raise Refusal("invalid_value", "Assistant messages take only 'output_text'.", "item.content")
        if wire.get("type") == "function_call_output" and not self._has_call(wire.get("call_id")):
            message = f"Tool call ID '{wire.get('call_id')}' not found in conversation."
            raise Refusal("invalid_tool_call_id", message, "item.call_id")
        audio = b"".join(base64.b64decode(part.pop("audio", "")) for part in parts)
        shown = {"object": "realtime.item", "status": "completed", **wire, "id": wire.get("id") or fresh_id}
        item = Item(shown | ({"content": parts} if "content" in wire else {}), audio=audio, by_client=True)
        self.add(item, after)
        return item

    @property
    def last(self) -> Item | None:
        """The newest item."""
        return self.items[self.order[-1]] if self.order else None

    def last_user(self) -> Item | None:
        """Find the newest item of the user."""
        return next((self.items[i] for i in reversed(self.order) if self.items[i].role == "user"), None)

    def _has_call(self, call_id: object) -> bool:
        calls = (item.wire for item in self.items.values() if item.wire["type"] == "function_call")
        return any(call.get("call_id") == call_id for call in calls)

    def _find(self, item_id: str, code: str) -> Item:
        if item_id not in self.items:
            raise Refusal(code, f"Item with item_id '{item_id}' not found.", "item_id")
        return self.items[item_id]
