"""What the fake model says: server events of the GA Realtime protocol, written once and copied.

They hold what the official types require. An audio delta is the same bytes each time: all samples of a response
have its serial number as their value, so that a client hears which response it is.
"""

from __future__ import annotations

import base64
import json
from typing import Any, Final

HZ: Final = 24_000
WORDS: Final = "and then the train goes on along the coast until the evening "
"""What every reply says, over and over: the words must be there, for captions cost too."""

USER_WORDS: Final = "Could you tell me more about that, please?"
"""What every turn is understood as."""

Event = dict[str, Any]

_PCM: Final = {"type": "audio/pcm", "rate": HZ}
_SESSION: Final = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_load",
    "model": "load",
    "output_modalities": ["audio"],
    "instructions": "",
    "tools": [],
    "tool_choice": "auto",
    "max_output_tokens": "inf",
    "audio": {
        "input": {"format": _PCM, "transcription": None, "noise_reduction": None, "turn_detection": None},
        "output": {"format": _PCM, "voice": "marin", "speed": 1.0},
    },
}


def written(event: Event) -> bytes:
    """Return an event as it goes over the wire."""
    return json.dumps({"event_id": "event_load", **event}, separators=(",", ":")).encode()


def session_event(kind: str) -> bytes:
    """Return session.created or session.updated."""
    return written({"type": kind, "session": _SESSION})


def delta_audio(serial: int, samples: int) -> str:
    """Return base64 audio in which every sample is `serial`."""
    return base64.b64encode(serial.to_bytes(2, "little") * samples).decode()


def turn_taken(item_id: str, previous: str | None) -> list[bytes]:
    """Return what a commit is answered with: the item, and at once what was understood."""
    content = [{"type": "input_audio", "transcript": None}]
    item = {"id": item_id, "object": "realtime.item", "type": "message", "role": "user", "status": "completed"}
    usage = {"type": "duration", "seconds": 2.0}
    understood = "conversation.item.input_audio_transcription.completed"
    return [
        written({"type": "input_audio_buffer.committed", "item_id": item_id, "previous_item_id": previous}),
        written({"type": "conversation.item.added", "previous_item_id": previous, "item": item | {"content": content}}),
        written({"type": understood, "item_id": item_id, "content_index": 0, "transcript": USER_WORDS, "usage": usage}),
    ]


class ResponseEvents:
    """The events of one response."""

    def __init__(self, serial: int, metadata: Event | None) -> None:
        self.id = f"resp_{serial}"
        self.item_id = f"item_r{serial}"
        self._serial = serial
        self._metadata = metadata
        self._item: Event = {
            "id": self.item_id,
            "object": "realtime.item",
            "type": "message",
            "role": "assistant",
            "content": [],
        }
        self._address = {"response_id": self.id, "item_id": self.item_id, "output_index": 0, "content_index": 0}
        self._deltas: dict[int, bytes] = {}

    def begun(self) -> list[bytes]:
        """Return what comes before the first audio."""
        item = {**self._item, "status": "in_progress"}
        place = {"response_id": self.id, "output_index": 0}
        part = {"type": "audio", "transcript": ""}
        return [
            written({"type": "response.created", "response": self._response("in_progress")}),
            written({"type": "response.output_item.added", **place, "item": item}),
            written({"type": "conversation.item.added", "previous_item_id": None, "item": item}),
            written({"type": "response.content_part.added", **self._address, "part": part}),
        ]

    def audio(self, samples: int) -> bytes:
        """Return a delta of audio."""
        if samples not in self._deltas:
            event = {"type": "response.output_audio.delta", **self._address}
            self._deltas[samples] = written({**event, "delta": delta_audio(self._serial, samples)})
        return self._deltas[samples]

    def words(self, words: str) -> bytes:
        """Return a delta of the transcript."""
        return written({"type": "response.output_audio_transcript.delta", **self._address, "delta": words})

    def ended(self, status: str) -> list[bytes]:
        """Return what comes after the last audio; `status` is completed or cancelled."""
        item = {**self._item, "status": "completed" if status == "completed" else "incomplete"}
        item["content"] = [{"type": "output_audio", "transcript": WORDS}]
        place = {"response_id": self.id, "output_index": 0}
        done = "response.output_audio_transcript.done"
        return [
            written({"type": "response.output_audio.done", **self._address}),
            written({"type": done, **self._address, "transcript": WORDS}),
            written({"type": "response.output_item.done", **place, "item": item}),
            written({"type": "response.done", "response": self._response(status)}),
        ]

    def _response(self, status: str) -> Event:
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": {"type": "cancelled", "reason": "client_cancelled"} if status == "cancelled" else None,
            "output": [],
            "conversation_id": "conv_load",
            "output_modalities": ["audio"],
            "max_output_tokens": "inf",
            "metadata": self._metadata,
        }
