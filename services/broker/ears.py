"""Ears: the person's turns on their way into the model, and their words on the way back."""

from __future__ import annotations

import base64
import math
from collections import deque
from dataclasses import dataclass
from typing import Final

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker.actions import Actions
from services.broker.event import Event, text
from services.broker.faults import COMMIT_EMPTY, code_of
from services.broker.history import History, Place
from services.common.audio import MIC_HZ, REPLY_HZ, SAMPLE_BYTES, samples_of
from services.common.errors import ProtocolFault
from services.common.resampler import Resampler

MIN_COMMIT_MS: Final = 120
"""The model refuses to commit less than 100 ms."""

TRANSCRIPT_LOST_S: Final = 15.0
"""A turn whose words aren't known by then enters history without them."""

KEPT_PIECE_BYTES: Final = MIC_HZ * SAMPLE_BYTES
"""A turn that goes on after all is given to the model again in pieces of a second."""

_MAX_UNCOMMITTED: Final = 64
"""Some servers never confirm a commit; more than this can't be under way."""


@dataclass(eq=False)
class Part:
    """One committed piece of a turn: a resumed turn has several."""

    turn: int
    commit_id: str
    place: Place
    since_s: float
    item_id: str = ""
    transcript: str | None = None
    is_held: bool = False
    """Its turn may go on: nothing of it is told."""
    is_void: bool = False
    """Its turn went on: the model is to forget the item."""
    words: str = ""
    """What was understood of it while it was held."""


class Ears:
    """Appends speech to the model's input buffer, commits it, and follows the transcript of what was committed."""

    def __init__(self, actions: Actions, history: History, *, keeps: bool = False) -> None:
        """`keeps`: hold on to the audio of a turn until it is over, so that it can be taken back."""
        self.transcribes = True
        """False after a turn whose transcript never came, until one does."""
        self._actions = actions
        self._history = history
        self._resampler: Resampler | None = None
        self._buffered = 0
        self._keeps = keeps
        self._kept = bytearray()
        self._begun = False
        self._uncommitted: deque[Part] = deque(maxlen=_MAX_UNCOMMITTED)
        self._pending: list[Part] = []

    def hear(self, pcm: bytes) -> None:
        """Append speech at 16 kHz. Raises ProtocolFault for half a sample."""
        if len(pcm) % SAMPLE_BYTES:
            raise ProtocolFault("a turn's audio holds half a sample")
        if self._keeps:
            self._kept += pcm
        self._feed(pcm)

    def commit(self, turn: int, now_s: float, *, held: bool = False) -> Part:
        """End a turn: flush what the resampler holds, fill up to what the model takes, and commit.

        What is `held` is told to nobody until `confirm`, and can be undone by `take_back`.
        """
        if self._resampler is not None:
            self._append(self._resampler.finish())
            self._resampler = None
        missing = samples_of(MIN_COMMIT_MS, REPLY_HZ) - self._buffered
        if missing > 0:
            self._append(bytes(missing * SAMPLE_BYTES))
        self._buffered = 0
        commit_id = self._actions.model("input_audio_buffer.commit")
        since_s = now_s if self._begun else math.inf
        part = Part(turn, commit_id, self._history.reserve(), since_s, is_held=held)
        if not held:
            self._kept.clear()
        self._uncommitted.append(part)
        self._pending.append(part)
        return part

    def confirm(self, part: Part) -> None:
        """The turn of a held part is over: tell what is known of it. Sound since then belongs to no turn."""
        self.forget()
        part.is_held = False
        if part.transcript is not None:
            self._say(part.turn, part.place, part.transcript, part.item_id)
        elif part.words:
            self._caption(part.turn, part.words, final=False)

    def take_back(self, part: Part) -> None:
        """The turn of a held part goes on: undo its commit, as if the model had only listened so far."""
        part.is_void = True
        self._history.fill(part.place)
        if part in self._pending:
            self._pending.remove(part)
        if part.item_id:
            self._actions.model("conversation.item.delete", item_id=part.item_id)
        kept = bytes(self._kept)
        self.forget()
        for start in range(0, len(kept), KEPT_PIECE_BYTES):
            self.hear(kept[start : start + KEPT_PIECE_BYTES])

    def forget(self) -> None:
        """Drop what was heard since the last commit: it was no speech."""
        self._resampler = None
        self._kept.clear()
        if self._buffered:
            self._buffered = 0
            self._actions.model("input_audio_buffer.clear")

    def type(self, turn: int, words: str) -> None:
        """Take a typed turn."""
        content = [{"type": "input_text", "text": words}]
        item = {"type": "message", "role": "user", "content": content}
        self._actions.model("conversation.item.create", item=item)
        self._say(turn, self._history.reserve(), words, "")

    def from_model(self, event: Event) -> Part | None:
        """Take an event about the person's words; return the part whose transcript is complete by it."""
        kind, item_id = text(event, "type"), text(event, "item_id")
        if kind == "input_audio_buffer.committed" and self._uncommitted:
            self._committed(self._uncommitted.popleft(), item_id)
            return None
        part = next((part for part in self._pending if item_id and part.item_id == item_id), None)
        if part is None:
            return None
        if kind == "conversation.item.input_audio_transcription.delta":
            if part.is_held:
                part.words += text(event, "delta")
                self._write(part, part.words)
            else:
                self._caption(part.turn, text(event, "delta"), final=False)
        elif kind == "conversation.item.input_audio_transcription.completed":
            return self._understand(part, text(event, "transcript").strip(), transcribes=True)
        elif kind == "conversation.item.input_audio_transcription.failed":
            return self._understand(part, "", transcribes=True)
        return None

    def refused(self, error: Event) -> Part | None:
        """Take an error; if the model refused a commit by it, return the part that is none."""
        event_id = text(error, "event_id")
        part = next((part for part in self._uncommitted if part.commit_id == event_id), None)
        if part is None and code_of(error) == COMMIT_EMPTY and not event_id and self._uncommitted:
            part = self._uncommitted[0]
        if part is None:
            return None
        self._uncommitted.remove(part)
        if part in self._pending:
            self._pending.remove(part)
        part.transcript = ""
        if not part.is_held:
            self._history.fill(part.place, broker.RespondResponse(answered=broker.Answered(turn=part.turn)))
        elif not part.is_void:  # who knows what the model kept of it; it will be given all of it again
            self._actions.model("input_audio_buffer.clear")
        return part

    def begin(self, now_s: float) -> None:
        """The model begins to listen: only now can it be late with a transcript."""
        self._begun = True
        for part in self._pending:
            part.since_s = now_s

    @property
    def awaits_words(self) -> bool:
        """True while a transcript is awaited."""
        return bool(self._pending)

    @property
    def awaits_commit(self) -> bool:
        """True while the model owes its word on a commit."""
        return bool(self._uncommitted)

    def expire(self, now_s: float) -> list[Part]:
        """Give up the transcripts that have been waited for long enough; return their parts."""
        late = [part for part in self._pending if now_s - part.since_s > TRANSCRIPT_LOST_S]
        return [self._understand(part, "", transcribes=False) for part in late]

    def _understand(self, part: Part, transcript: str, *, transcribes: bool) -> Part:
        self.transcribes = transcribes
        part.transcript = transcript
        self._pending.remove(part)
        if part.is_held:
            self._write(part, transcript)
        else:
            self._say(part.turn, part.place, transcript, part.item_id)
        return part

    def _write(self, part: Part, words: str) -> None:
        """Tell vad the words of a turn whose end is tentative: it weighs them with the pause."""
        if words and not part.is_void:
            written = broker.Transcript(turn=part.turn, text=words)
            self._actions.add(broker.RespondResponse(transcript=written))

    def _committed(self, part: Part, item_id: str) -> None:
        part.item_id = item_id
        if part.is_void and item_id:
            self._actions.model("conversation.item.delete", item_id=item_id)

    def _feed(self, pcm: bytes) -> None:
        if self._resampler is None:
            self._resampler = Resampler(MIC_HZ, REPLY_HZ)
        self._append(self._resampler.feed(pcm))

    def _append(self, pcm: bytes) -> None:
        if pcm:
            self._buffered += len(pcm) // SAMPLE_BYTES
            self._actions.append_audio(base64.b64encode(pcm).decode())

    def _say(self, turn: int, place: Place, words: str, item_id: str) -> None:
        """Put the words into history and captions; then the turn's audio need not be kept.

        A turn that nobody could transcribe stands there without words, so that its answer has a question.
        """
        item = session.HistoryItem(role=session.HistoryItem.ROLE_USER, text=words, turn=turn, item=item_id)
        self._history.fill(place, item, broker.RespondResponse(answered=broker.Answered(turn=turn)))
        self._caption(turn, words, final=True)

    def _caption(self, turn: int, words: str, *, final: bool) -> None:
        caption = client.Caption(who=client.Caption.WHO_USER, text=words, final=final, turn=turn)
        self._actions.add(egress.SpeakRequest(caption=caption))
