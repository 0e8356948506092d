"""Ears: the person's turns on their way into the model, and their words on the way back."""

from __future__ import annotations

import base64
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import soxr

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker.actions import Actions
from services.common.audio import MIC_HZ, REPLY_HZ, SAMPLE_BYTES, samples_of

MIN_COMMIT_MS: Final = 120
"""The model refuses to commit less than 100 ms."""


@dataclass
class Part:
    """One committed piece of a turn: a resumed turn has several."""

    turn: int
    item_id: str | None = None
    transcript: str | None = None


class Ears:
    """Appends speech to the model's input buffer, commits it, and follows the transcript of what was committed."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions
        self._resampler: soxr.ResampleStream | None = None
        self._buffered = 0
        self._uncommitted: deque[Part] = deque()
        self._parts: dict[str, Part] = {}

    def hear(self, pcm: bytes) -> None:
        """Append speech at 16 kHz."""
        if self._resampler is None:
            self._resampler = soxr.ResampleStream(MIC_HZ, REPLY_HZ, 1, "int16", "HQ")
        self._append(self._resampler.resample_chunk(np.frombuffer(pcm, "<i2")).tobytes())

    def commit(self, turn: int) -> Part:
        """End a turn: flush what the resampler holds, fill up to what the model takes, and commit."""
        if self._resampler is not None:
            self._append(self._resampler.resample_chunk(np.zeros(0, "<i2"), last=True).tobytes())
            self._resampler = None
        missing = samples_of(MIN_COMMIT_MS, REPLY_HZ) - self._buffered
        if missing > 0:
            self._append(bytes(missing * SAMPLE_BYTES))
        self._actions.model("input_audio_buffer.commit")
        self._buffered = 0
        part = Part(turn)
        self._uncommitted.append(part)
        return part

    def forget(self) -> None:
        """Drop what was heard since the last commit: it was no speech."""
        self._resampler = None
        if self._buffered:
            self._buffered = 0
            self._actions.model("input_audio_buffer.clear")

    def type(self, turn: int, text: str) -> None:
        """Take a typed turn."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        self._actions.model("conversation.item.create", item=item)
        self._say(turn, text, "")

    def from_model(self, event: dict[str, Any]) -> Part | None:
        """Take an event about the person's words; return the part whose transcript is complete by it."""
        kind = event.get("type") or ""
        if kind == "input_audio_buffer.committed" and self._uncommitted:
            committed = self._uncommitted.popleft()
            committed.item_id = event.get("item_id") or ""
            self._parts[committed.item_id] = committed
        part = self._parts.get(event.get("item_id") or "-")
        if part is None or part.transcript is not None:
            return None
        if kind == "conversation.item.input_audio_transcription.delta":
            self._caption(part.turn, event.get("delta") or "", final=False)
        elif kind == "conversation.item.input_audio_transcription.completed":
            part.transcript = (event.get("transcript") or "").strip()
        elif kind == "conversation.item.input_audio_transcription.failed":
            part.transcript = ""
        if part.transcript is None:
            return None
        self._say(part.turn, part.transcript, part.item_id or "")
        return part

    def refused(self) -> Part | None:
        """The model had nothing to commit; return the part that is none."""
        return self._uncommitted.popleft() if self._uncommitted else None

    def _append(self, pcm: bytes) -> None:
        if pcm:
            self._buffered += len(pcm) // SAMPLE_BYTES
            self._actions.append_audio(base64.b64encode(pcm).decode())

    def _say(self, turn: int, text: str, item_id: str) -> None:
        """Put the words into history and captions; then the turn's audio need not be kept."""
        role = session.HistoryItem.ROLE_USER
        self._actions.add(session.HistoryItem(role=role, text=text, turn=turn, item=item_id))
        self._actions.add(broker.RespondResponse(answered=broker.Answered(turn=turn)))
        self._caption(turn, text, final=True)

    def _caption(self, turn: int, text: str, *, final: bool) -> None:
        caption = client.Caption(who=client.Caption.WHO_USER, text=text, final=final, turn=turn)
        self._actions.add(egress.SpeakRequest(caption=caption))
