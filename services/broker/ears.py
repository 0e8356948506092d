"""Ears: the person's turns on their way into the model, and their words on the way back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from parley.v1 import broker_service_pb2 as broker
from services.broker.actions import Actions
from services.broker.event import Event, table, text
from services.broker.faults import COMMIT_EMPTY, code_of
from services.broker.history import History
from services.broker.input_buffer import InputBuffer
from services.broker.items import spoken_item
from services.broker.part import Part
from services.broker.parts import TRANSCRIPT_LOST_S, Parts
from services.broker.upstream.capabilities import Capabilities
from services.common.audio import MIC_HZ, SAMPLE_BYTES
from services.common.errors import ProtocolFault

KEPT_PIECE_BYTES: Final = MIC_HZ * SAMPLE_BYTES
"""A turn that goes on after all is given to the model again in pieces of a second."""

_MAX_UNCOMMITTED: Final = 64
"""Some servers never confirm a commit; more than this can't be under way."""


class Ears:
    """Appends speech to the model's input buffer, commits it, and follows the transcript of what was committed."""

    def __init__(self, actions: Actions, history: History, capabilities: Capabilities | None = None) -> None:
        capabilities = capabilities or Capabilities()
        self.parts = Parts(actions, history, transcribes=capabilities.transcribes)
        self.captions = self.parts.captions
        self.on_transcribed: Callable[[int, Event], None] = lambda turn, usage: None
        """Told what writing down a turn has used."""
        self._actions = actions
        self._buffer = InputBuffer(actions, capabilities.input_hz, takes_commits=capabilities.manual_turns)
        self._can_delete = capabilities.can_delete
        self._commit_asks = capabilities.commit_responds
        self._kept = bytearray()
        """The sound since the last commit, at 16 kHz: it may have to be given again."""
        self._over = 0
        """How much of that is of turns which are over, and not committed yet."""
        self._reopened = bytearray()
        """Sound that was committed to a connection that broke, and is to be committed anew with what follows."""
        self._uncommitted: deque[Part] = deque(maxlen=_MAX_UNCOMMITTED)

    @property
    def transcribes(self) -> bool:
        """Whether words can be expected."""
        return self.parts.transcribes

    # From vad.

    def started(self, started: broker.SpeechStarted) -> None:
        """A turn has begun."""

    def resumed(self, turn: int) -> None:
        """A turn that had ended goes on."""

    def take(self, audio: broker.TurnAudio) -> None:
        """Take a piece of a turn. Raises ProtocolFault for half a sample."""
        self.captions.heard(audio.turn)
        self._hear(audio.pcm)

    def _hear(self, pcm: bytes) -> None:
        self.check(pcm)
        self._kept += pcm
        self._buffer.append(pcm)

    @staticmethod
    def check(pcm: bytes) -> None:
        """Raise ProtocolFault for half a sample."""
        if len(pcm) % SAMPLE_BYTES:
            raise ProtocolFault("a turn's audio holds half a sample")

    def close_turn(self) -> None:
        """The open turn is over, and will be committed when its answer is asked for: `forget` does not touch it."""
        self._over = len(self._kept)

    def commit(self, turn: int, now_s: float, *, held: bool = False, end_offset: int = 0, mic_offset: int = 0) -> Part:
        """End a turn: flush what the resampler holds, fill up to what the model takes, and commit.

        What is `held` is told to nobody until `confirm`, and can be undone by `take_back`. Its last speech ended at
        `end_offset`; by `mic_offset` it was decided that it is over.
        """
        since_s = self.parts.since_s(now_s)
        commit_id = self._buffer.commit()
        part = Part(turn, commit_id, since_s, is_held=held, mic_offset=mic_offset, pcm=bytes(self._kept))
        self.parts.keep(part)
        if not held:
            self._kept.clear()
            self._over = 0
        if not self._actions.model_away:
            self._uncommitted.append(part)
        return part

    def confirm(self, part: Part, mic_offset: int) -> None:
        """The turn of a held part is over: tell what is known of it. Sound since then belongs to no turn."""
        self._clear()
        part.is_held, part.mic_offset = False, mic_offset
        if part.transcript is not None:
            self.parts.say(part)
        elif part.words:
            self.captions.more(part.turn, part.words)

    def take_back(self, part: Part) -> None:
        """The turn of a held part goes on: undo its commit, as if the model had only listened so far."""
        self.parts.drop(part)
        if part.item_id:
            self._delete(part.item_id)
        kept = bytes(self._kept)
        self._clear()
        self._hear_pieces(kept)

    def _hear_pieces(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), KEPT_PIECE_BYTES):
            self._hear(pcm[start : start + KEPT_PIECE_BYTES])

    def forget(self) -> None:
        """Drop what was heard of no turn that is over: it was no speech."""
        kept = bytes(self._kept[: self._over])
        self._clear()
        self._hear_pieces(kept)
        self.close_turn()

    def _clear(self) -> None:
        self._kept.clear()
        self._over = 0
        self._buffer.clear()

    def type(self, typed: broker.Typed) -> Part:
        """Take a typed turn; its words are to be said by `parts`."""
        self._actions.model("conversation.item.create", item=spoken_item("user", typed.text))
        return self.parts.typed(typed.turn, typed.text, typed.mic_offset, typed.id)

    @property
    def has_sound(self) -> bool:
        """True while something was heard that is not committed."""
        return bool(self._kept)

    # From the model.

    def from_model(self, event: Event) -> Part | None:
        """Take an event about the person's words; return the part whose transcript is complete by it."""
        kind, item_id = text(event, "type"), text(event, "item_id")
        if kind == "input_audio_buffer.committed" and self._uncommitted:
            self._committed(self._uncommitted.popleft(), item_id)
            return None
        part = self.parts.of_item(item_id)
        if kind == "conversation.item.input_audio_transcription.completed":  # also of what was taken back
            self.on_transcribed(part.turn if part is not None else 0, table(event, "usage"))
        if part is None:
            return None
        if kind == "conversation.item.input_audio_transcription.delta":
            if part.is_held:
                part.words += text(event, "delta")
                self.parts.write(part, part.words)
            else:
                self.captions.more(part.turn, text(event, "delta"))
        elif kind == "conversation.item.input_audio_transcription.completed":
            return self.parts.understood(part, text(event, "transcript").strip(), transcribes=True)
        elif kind == "conversation.item.input_audio_transcription.failed":
            return self.parts.understood(part, "", transcribes=True)
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
        self.parts.void(part)
        if part.is_held and not part.is_void:  # who knows what the model kept of it; it will be given all of it again
            self._actions.model("input_audio_buffer.clear")
        return part

    @property
    def awaits_commit(self) -> bool:
        """True while the model owes its word on a commit."""
        return bool(self._uncommitted)

    def _committed(self, part: Part, item_id: str) -> None:
        part.item_id = item_id
        if part.is_void and item_id:
            self._delete(item_id)

    def _delete(self, item_id: str) -> None:
        if self._can_delete:
            self._actions.model("conversation.item.delete", item_id=item_id)

    # Time, and the end.

    def begin(self, now_s: float) -> None:
        """The model begins to listen."""
        self.parts.begin(now_s)

    def expire(self, now_s: float) -> list[Part]:
        """Give up the transcripts that have been waited for long enough; return their parts."""
        while self._uncommitted and now_s - self._uncommitted[0].since_s > TRANSCRIPT_LOST_S:
            self._uncommitted.popleft()  # some servers never confirm a commit: nothing waits for it for ever
        return [self.parts.understood(part, "", transcribes=False) for part in self.parts.late(now_s)]

    # The connection to the model is lost, and made anew.

    def lose_model(self) -> None:
        """Nobody owes a commit or a transcript any more; what was heard is kept."""
        self.parts.lose_model()
        self._uncommitted.clear()
        self._buffer.lose()

    def commit_again(self, part: Part, now_s: float) -> None:
        """Give a part's sound to a model that doesn't know it."""
        part.since_s = now_s
        if self._commit_asks:
            self._give_otherwise(part)
            return
        kept, self._kept = self._kept, bytearray()
        self._hear_pieces(part.pcm)
        part.commit_id, part.item_id = self._buffer.commit(), ""
        self._kept = kept
        self._uncommitted.append(part)

    def _give_otherwise(self, part: Part) -> None:
        """Where a commit asks for a response, a turn is not committed again: its words are told, where they are known.

        What was answered needs no more than that; of what was not the sound is heard again, before what came after.
        """
        if part.transcript:
            self._actions.model("conversation.item.create", item=spoken_item("user", part.transcript))
        elif not self.parts.is_answered(part):
            self._reopen(part)
            self._drop(part)

    def _reopen(self, part: Part) -> None:
        """Hear a turn again as if it had not ended."""
        self._reopened += part.pcm

    def _drop(self, part: Part) -> None:
        self.parts.drop(part)

    def hear_again(self, now_s: float) -> None:
        """Give the sound since the last commit to a model that doesn't know it."""
        self.begin(now_s)
        kept = bytes(self._reopened + self._kept)
        self._over += len(self._reopened)
        self._reopened.clear()
        self._kept.clear()
        self._hear_pieces(kept)
