"""Outputs: the items of a response while they are being made, and their events in the order the protocol gives them."""

from __future__ import annotations

import base64
from collections.abc import Callable

from services.engine.parts import ToolCall
from services.engine.protocol.events import Event, new_id
from services.engine.protocol.fields import Fields
from services.engine.protocol.formats import Encoder
from services.engine.protocol.item import Item, Part

Place = Callable[[Item], list[Event]]
"""Puts a new item into the conversation, if it belongs there; gives the events that say so."""


class Output:
    """One item of a response. Each method gives the events to send."""

    def __init__(self, response_id: str, index: int, item: Item) -> None:
        self.item = item
        self._where: Event = {"response_id": response_id, "output_index": index}

    def _event(self, kind: str, **fields: object) -> Event:
        return {"type": kind, **self._where, **fields}

    def _of_item(self, kind: str, **fields: object) -> Event:
        return self._event(kind, item_id=self.item.id, **fields)

    def _added(self, place: Place) -> list[Event]:
        return [self._event("response.output_item.added", item=self.item.as_dict()), *place(self.item)]

    def done(self, done: Place) -> list[Event]:
        """The item has its final status; `done` says so to the conversation."""
        return [*done(self.item), self._event("response.output_item.done", item=self.item.as_dict())]


class Message(Output):
    """What is said or written: a message with one part."""

    def __init__(self, response_id: str, index: int, modality: str, audio_format: Fields) -> None:
        super().__init__(response_id, index, Item(new_id("item"), role="assistant", status="in_progress"))
        self._is_audio = modality == "audio"
        self._encoder = Encoder(audio_format)
        self._part = Part("output_audio", pcm=bytearray()) if self._is_audio else Part("output_text")
        self._said: list[str] = []
        self._is_frozen = False
        self.samples = 0
        """Samples of audio that were made, heard or not."""

    @property
    def said(self) -> str:
        """All words so far, truncated or not."""
        return "".join(self._said)

    def begin(self, place: Place) -> list[Event]:
        """The item, and then its part."""
        added = self._added(place)
        self.item.parts.append(self._part)
        return [*added, self._content("response.content_part.added", part=self._as_part(""))]

    def word(self, word: str) -> list[Event]:
        """The next word, with its leading space; sent just before the audio in which it begins."""
        self._said.append(word)
        if not self._is_frozen:
            self._part.word_starts.append((word, self._part.samples))
            self._part.text += word
        kind = "response.output_audio_transcript.delta" if self._is_audio else "response.output_text.delta"
        return [self._content(kind, delta=word)]

    def audio(self, pcm: bytes) -> list[Event]:
        """The next audio: PCM16LE mono at 24 kHz."""
        self.samples += len(pcm) // 2
        if not self._is_frozen:
            self._part.samples += len(pcm) // 2
            if self._part.pcm is not None:
                self._part.pcm += pcm
        return self._audio_delta(self._encoder.feed(pcm))

    def freeze(self, part: Part) -> None:
        """If it is this part: it was truncated while it is being spoken; what is to come will not be remembered."""
        self._is_frozen |= part is self._part

    def end(self) -> list[Event]:
        """Nothing more is said: the `.done` events of the part."""
        if self._is_audio:
            done = [
                *self._audio_delta(self._encoder.finish()),
                self._content("response.output_audio.done"),
                self._content("response.output_audio_transcript.done", transcript=self.said),
            ]
        else:
            done = [self._content("response.output_text.done", text=self.said)]
        return [*done, self._content("response.content_part.done", part=self._as_part(self.said))]

    def _audio_delta(self, audio: bytes) -> list[Event]:
        if not audio:
            return []
        return [self._content("response.output_audio.delta", delta=base64.b64encode(audio).decode())]

    def _as_part(self, text: str) -> Event:
        return {"type": "audio", "transcript": text} if self._is_audio else {"type": "text", "text": text}

    def _content(self, kind: str, **fields: object) -> Event:
        return self._of_item(kind, content_index=0, **fields)


class Call(Output):
    """A function that the client is to call. It comes whole."""

    def __init__(self, response_id: str, index: int, call: ToolCall) -> None:
        fields = {"call_id": call.call_id, "name": call.name, "arguments": ""}
        super().__init__(response_id, index, Item(new_id("item"), "function_call", status="in_progress", call=fields))
        self._arguments = call.arguments

    def begin(self, place: Place) -> list[Event]:
        """The item, and then its arguments."""
        added = self._added(place)
        call_id, name = self.item.call["call_id"], self.item.call["name"]
        self.item.call["arguments"] = self._arguments
        done = {"call_id": call_id, "name": name, "arguments": self._arguments}
        return [
            *added,
            self._of_item("response.function_call_arguments.delta", call_id=call_id, delta=self._arguments),
            self._of_item("response.function_call_arguments.done", **done),
        ]
