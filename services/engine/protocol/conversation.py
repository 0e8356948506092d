"""The conversation as the model remembers it: items in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.engine.protocol.errors import ClientError, missing, wrong_value
from services.engine.protocol.events import Action, send
from services.engine.protocol.fields import integer_at
from services.engine.protocol.item import Item, Part

_ROOT: Final = "root"
_KEPT_AUDIO_ITEMS: Final = 4  # audio is kept for `conversation.item.retrieve` only; a minute of it is 2.9 MB
_MAX_ITEMS: Final = 2_000  # an hour's talk; then the oldest go, as with `truncation: auto`
_PROGRESSIVE: Final = {"create": "creating", "delete": "deleting", "retrieve": "retrieving", "truncate": "truncating"}


class Conversation:
    """The items of a session in order."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._by_id: dict[str, Item] = {}

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    @property
    def last(self) -> Item | None:
        """The newest item."""
        return self._items[-1] if self._items else None

    def find(self, item_id: object) -> Item | None:
        """The item of that id, if it is (still) here."""
        return self._by_id.get(item_id) if isinstance(item_id, str) else None

    def get(self, item_id: object, verb: str, path: str = "item_id") -> Item:
        """The item of that id. Raises ClientError `item_<verb>_invalid_item_id`."""
        if item_id is None:
            raise missing(path)
        if item := self.find(item_id):
            return item
        message = f"Error {_PROGRESSIVE[verb]} item: the item with id '{str(item_id)[:80]}' does not exist."
        raise ClientError(f"item_{verb}_invalid_item_id", message, path)

    def add(self, item: Item, after: object = None) -> str | None:
        """Put an item at the end, after another, or ("root") first; gives the id of the one before it."""
        if self.find(item.id):
            message = f"Error creating item: an item with id '{item.id}' exists already. Choose another id, or none."
            raise ClientError("item_create_duplicate_item_id", message, "item.id")
        place = len(self._items)
        if after == _ROOT:
            place = 0
        elif after is not None:
            place = self._items.index(self.get(after, "create", "previous_item_id")) + 1
        self._items.insert(place, item)
        self._by_id[item.id] = item
        previous = self._items[place - 1].id if place else None
        self._drop_old_audio()
        if len(self._items) > _MAX_ITEMS:
            del self._by_id[self._items.pop(0).id]
        return previous

    def before(self, item: Item) -> str | None:
        """The id of the item before one that is here; None if it is the first."""
        place = self._items.index(item)
        return self._items[place - 1].id if place else None

    def delete(self, item_id: object) -> Item:
        """Take an item out. Raises ClientError."""
        item = self.get(item_id, "delete")
        self._items.remove(item)
        del self._by_id[item.id]
        return item

    def truncate(self, item_id: object, content_index: object, audio_end_ms: object) -> Part:
        """Cut an assistant's audio back to what was heard. Raises ClientError, and then nothing changes."""
        item = self.get(item_id, "truncate")
        if content_index is None:
            raise missing("content_index")
        if audio_end_ms is None:
            raise missing("audio_end_ms")
        end_ms = integer_at(audio_end_ms, "audio_end_ms", 0)
        part = item.parts[0] if item.parts else None
        if item.role != "assistant" or part is None or not part.is_audio or not part.samples:
            message = "Only model output audio messages can be truncated"
            raise ClientError("unsupported_content_type", message, "item_id")
        if content_index != 0 or isinstance(content_index, bool):
            raise wrong_value("content_index", "it must be 0: there is one part")
        if end_ms > part.duration_ms:
            message = f"Audio content of {part.duration_ms}ms is already shorter than {end_ms}ms"
            raise ClientError("invalid_value", message, "audio_end_ms")
        part.truncate(end_ms)
        return part

    def _drop_old_audio(self) -> None:
        with_audio = [part for item in self._items for part in item.parts if part.pcm is not None]
        for part in with_audio[:-_KEPT_AUDIO_ITEMS]:
            part.pcm = None


def announced(item: Item, previous: str | None) -> list[Action]:
    """An item is in the conversation, whole: `conversation.item.added` and `.done`."""
    fields = {"item": item.as_dict(), "previous_item_id": previous}
    return [send("conversation.item.added", **fields), send("conversation.item.done", **fields)]
