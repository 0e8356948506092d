"""The person's side of a connection: their audio, where it is cut into items, and what becomes of their words."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

from tests.fakes.realtime.conversation import Item
from tests.fakes.realtime.ear import Boundary, Ear, InputBuffer
from tests.fakes.realtime.usage import transcription_usage
from tests.fakes.realtime.wire import Event, Refusal

if TYPE_CHECKING:
    from tests.fakes.realtime.connection import Connection

LIVE_WORD_BYTES = 300 * 48
"""In a transcription session a word is written for every 300 ms that are heard."""

_KIND = "conversation.item.input_audio_transcription"


class Hearing:
    """Appends, commits by the client or by the server's own ear, and transcripts."""

    def __init__(self, connection: Connection) -> None:
        self.commits: list[Item] = []
        self._connection = connection
        self._buffer = InputBuffer()
        self._ear: Ear | None = None
        self._turns: Event | None = None
        self._began = 0
        self._item_id = ""
        """Id of the item to come, once something has been said about it."""
        self._words: list[str] = []
        """In a transcription session: the words of the item to come that have been written down."""
        self._text: str | None = ""

    @property
    def appended_ms(self) -> float:
        """All audio that was appended in the session, in milliseconds."""
        return self._buffer.end / 24

    async def append(self, event: Event) -> None:
        """Take `input_audio_buffer.append`. Raises Refusal for what is no audio."""
        try:
            pcm = base64.b64decode(event["audio"], validate=True)
        except ValueError:
            raise Refusal("invalid_value", "Invalid 'audio'. Expected base64 audio bytes.", "audio") from None
        ear = self._listener()
        self._buffer.append(pcm)
        if self._is_live:
            await self._write()
        if ear is not None:
            for boundary in ear.feed(pcm):
                await self._mark(boundary)

    async def commit(self, _event: Event) -> None:
        """Take `input_audio_buffer.commit`. Raises Refusal for too little audio."""
        await self._commit(self._buffer.commit())
        if self._connection.face.commit_responds:
            await self._connection.respond({})

    async def clear(self, _event: Event) -> None:
        """Take `input_audio_buffer.clear`."""
        self._buffer.clear()
        self._words = []
        await self._connection.send({"type": "input_audio_buffer.cleared"})

    def _listener(self) -> Ear | None:
        """Give the ear that the session asks for, if it hears anything at all."""
        turns = self._connection.session["audio"]["input"]["turn_detection"]
        if turns != self._turns:
            self._turns = turns
            is_deaf = turns is None or (turns["type"] == "semantic_vad" and not self._connection.face.semantic_vad)
            self._ear = None if is_deaf else Ear(turns, self._buffer.end)
        return self._ear

    async def _mark(self, boundary: Boundary) -> None:
        turns: Event = self._turns or {}
        if boundary.starts:
            self._began = boundary.at_samples
            place = {"audio_start_ms": boundary.at_ms, "item_id": self._coming_id()}
            await self._connection.send({"type": "input_audio_buffer.speech_started", **place})
            if turns.get("interrupt_response", True):
                self._connection.interrupt()
            return
        place = {"audio_end_ms": boundary.at_ms, "item_id": self._coming_id()}
        await self._connection.send({"type": "input_audio_buffer.speech_stopped", **place})
        await self._commit(self._buffer.take(self._began, boundary.at_samples))
        if turns.get("create_response", True) and self._connection.session["type"] == "realtime":
            await self._connection.respond({})

    def _coming_id(self) -> str:
        self._item_id = self._item_id or self._connection.director.new_id("item")
        return self._item_id

    async def _commit(self, audio: bytes) -> None:
        connection = self._connection
        wire: Event = {"object": "realtime.item", "id": self._coming_id(), "type": "message"}
        wire |= {"status": "completed", "role": "user", "content": [{"type": "input_audio", "transcript": None}]}
        live, text = self._is_live, self._text
        heard = (
            text if live and self._item_id and self._words else connection.director.transcript_for(audio, connection)
        )
        self._item_id, self._words = "", []
        item = Item(wire, audio=audio, heard_text=heard)
        before = connection.conversation.add(item)
        self.commits.append(item)
        responses = len(connection.responses)
        await connection.send({"type": "input_audio_buffer.committed", "item_id": item.id, "previous_item_id": before})
        await connection.acknowledge(item, before)
        if self._settings is not None:
            connection.start(self._transcribe(item, responses, live))

    @property
    def _settings(self) -> Event | None:
        settings: Event | None = self._connection.session["audio"]["input"]["transcription"]
        return settings

    # In a transcription session words come while the person speaks.

    @property
    def _is_live(self) -> bool:
        return self._connection.session["type"] == "transcription" and self._settings is not None

    async def _write(self) -> None:
        """Write down what has been heard of the item to come."""
        count = len(self._buffer.audio) // LIVE_WORD_BYTES
        if count and not self._words:
            self._text = self._connection.director.transcript_for(bytes(self._buffer.audio), self._connection)
        words = (self._text or "").split()
        while len(self._words) < min(count, len(words)):
            word = ("" if not self._words else " ") + words[len(self._words)]
            self._words.append(word)
            address: dict[str, Any] = {"item_id": self._coming_id(), "content_index": 0}
            await self._connection.send({"type": f"{_KIND}.delta", **address, "delta": word})
        self._words += [""] * (count > 0 and not self._words)  # what was heard has no words: don't ask again

    # Elsewhere they come after the commit, when they please.

    async def _transcribe(self, item: Item, responses: int, live: bool) -> None:
        await self._wait(responses)
        text, connection = item.heard_text, self._connection
        address = {"item_id": item.id, "content_index": 0}
        if text is None:
            error = {"type": "server_error", "code": "transcription_failed", "message": "Input transcription failed."}
            await connection.send({"type": f"{_KIND}.failed", **address, "error": error})
            return
        item.wire["content"] = [{"type": "input_audio", "transcript": text}]
        usage = transcription_usage(str((self._settings or {}).get("model")), text, len(item.audio) // 2)
        if not live:
            await connection.send({"type": f"{_KIND}.delta", **address, "delta": text})
        await connection.send({"type": f"{_KIND}.completed", **address, "transcript": text, "usage": usage})

    async def _wait(self, responses: int) -> None:
        """Wait for the moment at which the script wants the words: of the next response, or after a while."""
        director = self._connection.director
        await asyncio.sleep(director.transcript_delay_ms / 1000)
        if director.transcript_after == "delay":
            return

        def has_come() -> bool:
            answers = list(self._connection.responses.values())[responses:]
            spoken = director.transcript_after == "first_audio"
            return any((r.first_audio_s if spoken else r.done_s) is not None or r.done_s is not None for r in answers)

        await director.until(has_come, None)
