"""Transcripts of what the person said: words as soon as they are sure, the text at the end, and the events of both."""

from __future__ import annotations

from services.engine.protocol.configuration import Configuration
from services.engine.protocol.events import Action, Forget, Hear, Listen, Understand, send
from services.engine.protocol.formats import RATE_HZ
from services.engine.protocol.item import Item, Part

_KIND = "conversation.item.input_audio_transcription"


class Transcripts:
    """Knows which items are yet to be understood.

    Where turns are detected, and in transcription sessions, the words of a turn are told while it is spoken; in a
    conversation with manual turns they wait for the commit, as at OpenAI. The deltas of an item join to its final
    transcript, unless more was known at the end: `completed` holds.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._pending: dict[str, Item] = {}
        self._given: set[str] = set()  # those of them that came with their audio: no events tell of these
        self._told: dict[str, str] = {}
        self._withheld: dict[str, str] = {}

    def listen(self, item_id: str) -> Listen:
        """Begin to recognise what will be an item."""
        settings = self._configuration.transcription or {}
        language = settings.get("language") or next(iter(settings.get("languages") or []), "")
        hints = [settings.get("prompt", ""), ", ".join(settings.get("keywords") or [])]
        return Listen(item_id, language, " ".join(filter(None, hints)))

    def given(self, item: Item) -> list[Action]:
        """An item came with its audio: have it recognised."""
        part = _unheard(item)
        if part is None or part.pcm is None:
            return []
        self._pending[item.id] = item
        self._given.add(item.id)
        return [self.listen(item.id), Hear(item.id, bytes(part.pcm)), Understand(item.id)]

    def committed(self, item: Item) -> list[Action]:
        """A turn became an item: what was withheld of it is told."""
        self._pending[item.id] = item
        withheld = self._withheld.pop(item.id, "")
        return [Understand(item.id), *self._tell(item.id, withheld)]

    def silence(self, item: Item) -> list[Action]:
        """An item is known to hold no words."""
        self._pending[item.id] = item
        return self.completed(item.id, "")

    def forget(self, item_id: str) -> list[Action]:
        """A turn, or an item, is void."""
        was_pending = item_id in self._pending
        self._close(item_id)
        return [Forget(item_id)] if was_pending else []

    def _close(self, item_id: str) -> None:
        for kept in (self._pending, self._told, self._withheld):
            kept.pop(item_id, None)
        self._given.discard(item_id)

    def words(self, item_id: str, words: str) -> list[Action]:
        """Words that are sure, of a turn that may still be spoken."""
        early = self._configuration.transcribes_only or self._configuration.detection is not None
        if not early and item_id not in self._pending:
            self._withheld[item_id] = self._withheld.get(item_id, "") + words
            return []
        return self._tell(item_id, words)

    def completed(self, item_id: str, text: str) -> list[Action]:
        """What was said in an item; empty if nothing was understood."""
        told = self._told.get(item_id, "")
        rest = self._tell(item_id, text[len(told) :]) if text.startswith(told) else []
        part, is_told = self._understood(item_id, text)
        if part is None or not is_told:
            return []
        usage = {"type": "duration", "seconds": round(part.samples / RATE_HZ, 3)}
        completed = send(f"{_KIND}.completed", item_id=item_id, content_index=0, transcript=text, usage=usage)
        return [*rest, completed]

    def failed(self, item_id: str, code: str, message: str) -> list[Action]:
        """The recogniser broke; for the conversation nothing was understood."""
        part, is_told = self._understood(item_id, "")
        if part is None or not is_told:
            return []
        error = {"type": "server_error", "code": code, "message": message}
        return [send(f"{_KIND}.failed", item_id=item_id, content_index=0, error=error)]

    def _tell(self, item_id: str, words: str) -> list[Action]:
        if not words or item_id in self._given or self._configuration.transcription is None:
            return []
        self._told[item_id] = self._told.get(item_id, "") + words
        return [send(f"{_KIND}.delta", item_id=item_id, content_index=0, delta=words)]

    def _understood(self, item_id: str, text: str) -> tuple[Part | None, bool]:
        """Close a pending item; gives its part, and whether events are to tell of it."""
        item = self._pending.get(item_id)
        is_told = item_id not in self._given and self._configuration.transcription is not None
        self._close(item_id)
        part = _unheard(item) if item is not None else None
        if part is not None:
            part.text, part.transcribed = text or part.text, True
        return part, is_told


def _unheard(item: Item) -> Part | None:
    return next((part for part in item.parts if not part.transcribed), None)
