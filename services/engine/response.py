"""One response of the model: its object, its one item, and its events in the order the protocol gives them."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from services.engine.conversation import Item
from services.engine.events import Event, new_id
from services.engine.speech import RATE_HZ

_USER_SAMPLES_PER_TOKEN = RATE_HZ // 10  # OpenAI's count: a token for 100 ms of the user
_ASSISTANT_SAMPLES_PER_TOKEN = RATE_HZ // 20  # and for 50 ms of the assistant
_CHARACTERS_PER_TOKEN = 4


@dataclass(slots=True)
class Response:
    """A response from `response.created` to `response.done`. Each method gives the events to send."""

    modality: str
    voice: str
    speed: float
    conversation_id: str | None
    metadata: dict[str, str] | None
    given_context: list[Item] | None = None
    instructions: str = ""
    """Of this response alone; the session's are not for the small mind."""
    id: str = field(default_factory=lambda: new_id("resp"))
    item: Item | None = None
    status: str = "in_progress"
    _details: Event | None = None
    _usage: Event | None = None
    _said: list[str] = field(default_factory=list)
    _frozen: bool = False

    @property
    def in_conversation(self) -> bool:
        """Whether its item becomes part of the conversation."""
        return self.conversation_id is not None

    def as_dict(self) -> dict[str, Any]:
        """The response object."""
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": self.status,
            "status_details": self._details,
            "output": [self.item.as_dict()] if self.item else [],
            "conversation_id": self.conversation_id,
            "output_modalities": [self.modality],
            "max_output_tokens": "inf",
            "audio": {"output": {"format": {"type": "audio/pcm", "rate": RATE_HZ}, "voice": self.voice}},
            "usage": self._usage,
            "metadata": self.metadata,
        }

    def created(self) -> Event:
        """`response.created`."""
        return {"type": "response.created", "response": self.as_dict()}

    def begin(self) -> Event:
        """Make the item: `response.output_item.added`. The conversation's own event comes next."""
        audio = self.modality == "audio"
        self.item = Item(
            id=new_id("item"),
            role="assistant",
            is_audio=audio,
            status="in_progress",
            pcm=bytearray() if audio else None,
        )
        return self._output_item("response.output_item.added", self.item)

    def begin_content(self) -> Event:
        """`response.content_part.added`."""
        name = "transcript" if self.modality == "audio" else "text"
        part = {"type": self.modality, name: ""}
        return self._content("response.content_part.added", part=part)

    def say_word(self, word: str) -> Event:
        """The next word, with its leading space; sent just before the audio in which it begins."""
        assert self.item is not None
        self._said.append(word)
        if not self._frozen:
            self.item.word_starts.append((word, self.item.samples))
            self.item.text = "".join(text for text, _ in self.item.word_starts)
        kind = "output_audio_transcript" if self.modality == "audio" else "output_text"
        return self._content(f"response.{kind}.delta", delta=word)

    def say_audio(self, pcm: bytes) -> Event:
        """The next audio: PCM16LE mono at 24 kHz."""
        assert self.item is not None
        if not self._frozen:
            self.item.samples += len(pcm) // 2
            if self.item.pcm is not None:
                self.item.pcm += pcm
        return self._content("response.output_audio.delta", delta=base64.b64encode(pcm).decode())

    def freeze(self) -> None:
        """Truncated while it is being spoken: what is still to come will not be remembered."""
        self._frozen = True

    def end_content(self) -> list[Event]:
        """The `.done` events of the part; nothing if nothing was begun."""
        if self.item is None:
            return []
        text = "".join(self._said)
        if self.modality == "text":
            part = {"type": "text", "text": text}
            done = [self._content("response.output_text.done", text=text)]
        else:
            part = {"type": "audio", "transcript": text}
            done = [
                self._content("response.output_audio.done"),
                self._content("response.output_audio_transcript.done", transcript=text),
            ]
        return [*done, self._content("response.content_part.done", part=part)]

    def end_item(self) -> list[Event]:
        """`response.output_item.done`; the item must have its final status."""
        return [self._output_item("response.output_item.done", self.item)] if self.item else []

    def close(self, status: str, details: Event | None, context: Iterable[Item]) -> None:
        """Fix the outcome: completed, cancelled or failed."""
        self.status, self._details = status, details
        if self.item is not None:
            self.item.status = "completed" if status == "completed" else "incomplete"
        self._usage = None if status == "failed" else self._count(context)

    def done(self) -> Event:
        """`response.done`: the last event of a response."""
        return {"type": "response.done", "response": self.as_dict()}

    def _count(self, context: Iterable[Item]) -> Event:
        before = [item for item in context if item is not self.item]
        audio_in = sum(_audio_tokens(item) for item in before)
        text_in = sum(_text_tokens(item.text) for item in before if not item.is_audio)
        audio_out = _audio_tokens(self.item) if self.item else 0
        text_out = _text_tokens("".join(self._said))
        cached = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
        return {
            "total_tokens": audio_in + text_in + audio_out + text_out,
            "input_tokens": audio_in + text_in,
            "output_tokens": audio_out + text_out,
            "input_token_details": {
                "text_tokens": text_in,
                "audio_tokens": audio_in,
                "image_tokens": 0,
                "cached_tokens": 0,
                "cached_tokens_details": cached,
            },
            "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
        }

    def _output_item(self, kind: str, item: Item) -> Event:
        return {"type": kind, "response_id": self.id, "output_index": 0, "item": item.as_dict()}

    def _content(self, kind: str, **fields: object) -> Event:
        assert self.item is not None
        where = {"response_id": self.id, "item_id": self.item.id, "output_index": 0, "content_index": 0}
        return {"type": kind, **where, **fields}


def _audio_tokens(item: Item) -> int:
    size = _ASSISTANT_SAMPLES_PER_TOKEN if item.role == "assistant" else _USER_SAMPLES_PER_TOKEN
    return -(-item.samples // size) if item.is_audio else 0


def _text_tokens(text: str) -> int:
    return -(-len(text) // _CHARACTERS_PER_TOKEN)
