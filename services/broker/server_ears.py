"""Server ears: the model listens all the time and commits by its own voice activity detection; vad still decides.

Everything that is heard goes to the model. What it takes for speech becomes an item by itself; vad's turns claim the
items that lie in them, and what belongs to no turn, a cough or a "mm-hmm", is deleted before the model is asked again.
Where the model has not committed when vad says that a turn is over, it is told to. Its own boundaries go back to vad
as one more voice at a pause.
"""

from __future__ import annotations

from typing import Final

from parley.v1 import broker_service_pb2 as broker
from services.broker.actions import Actions
from services.broker.ears import Ears
from services.broker.event import Event, count, table, text
from services.broker.faults import COMMIT_EMPTY, code_of
from services.broker.history import History
from services.broker.part import Part
from services.broker.recent_sound import RecentSound
from services.broker.segments import Segment, Segments, ServerPart, nearest
from services.broker.upstream.capabilities import Capabilities
from services.common.audio import MIC_HZ, samples_of

KEPT_SAMPLES: Final = 70 * MIC_HZ
"""Sound kept for a connection that breaks: the longest turn, and its pre-roll."""

COMMIT_ANSWER_S: Final = 2.0
"""How long a turn whose words are known waits for the model's word on our commit. There might be more."""

PRE_ROLL_SAMPLES: Final = samples_of(300, MIC_HZ)

Boundary = broker.ModelBoundary


class ServerEars(Ears):
    """Ears for a model that listens all the time."""

    def __init__(self, actions: Actions, history: History, capabilities: Capabilities | None = None) -> None:
        super().__init__(actions, history, capabilities)
        self.is_semantic = False
        """The model's ear weighs what was said, not only the silence after it."""
        self._segments = Segments()
        self._sound = RecentSound(KEPT_SAMPLES)
        self._open_turn = 0
        self._open_since = 0
        self._is_over = False
        """The open turn has ended, and is to be committed when its answer is asked for."""
        self._last_turn = self._last_end = 0
        self._first_offset: int | None = None
        """Where the microphone stood at the first sample that this connection was given."""

    # From vad.

    def started(self, started: broker.SpeechStarted) -> None:
        """A turn has begun."""
        self._open_turn, self._is_over = started.turn, False
        self._open_since = max(started.onset_offset - PRE_ROLL_SAMPLES, 0)

    def resumed(self, turn: int) -> None:
        """A turn that had ended goes on: what was said since then is its own."""
        self._is_over = False
        if self._open_turn != turn:
            since = self._last_end if turn == self._last_turn else self._sound.end
            self._open_turn, self._open_since = turn, since

    def take(self, audio: broker.TurnAudio) -> None:
        """Pass on what is heard, speech or not. Raises ProtocolFault for half a sample."""
        self.check(audio.pcm)
        if self._first_offset is None:
            self._first_offset = audio.mic_offset
        self.captions.heard(audio.turn)
        self._sound.add(audio.mic_offset, audio.pcm)
        self._buffer.append(audio.pcm)

    def turn_of_speech(self) -> int:
        """Return the turn that is being spoken, or 0."""
        return self._open_turn

    @property
    def has_sound(self) -> bool:
        """True while a turn is open."""
        return self._open_turn > 0

    def close_turn(self) -> None:
        """The open turn is over, and will be committed when its answer is asked for."""
        self._is_over = self._open_turn > 0

    def commit(self, turn: int, now_s: float, *, held: bool = False, end_offset: int = 0, mic_offset: int = 0) -> Part:
        """A turn is over: claim what the model has heard of it, and have it commit what it has not."""
        end = end_offset or self._sound.end
        start = self._open_since if self._open_turn == turn else end
        self._last_turn, self._last_end = turn, end
        self._open_turn, self._is_over = 0, False
        part = self._kept_part(turn, self.parts.since_s(now_s), start, end)
        part.mic_offset = mic_offset
        self._segments.claim_all(part)
        if not part.segments or not all(segment.is_committed for segment in part.segments):
            part.awaits_commit = not self._actions.model_away
            part.commit_id = self._buffer.commit()
        for item_id in self._segments.drop_unclaimed(before=start):
            self._delete(item_id)
        self._complete(part)
        return part

    def _kept_part(self, turn: int, since_s: float, start: int, end: int) -> ServerPart:
        part = ServerPart(turn, "", since_s, start=start, end=end, pcm=self._sound.between(start, end))
        self.parts.keep(part)
        self._segments.turns.append(part)
        return part

    def forget(self) -> None:
        """It was no turn; what the model made of it will be deleted."""
        if not self._is_over:
            self._open_turn = 0

    # From the model.

    def from_model(self, event: Event) -> Part | None:
        """Take an event about the person's words; return the part whose transcript is complete by it."""
        kind, item_id = text(event, "type"), text(event, "item_id")
        segment = self._segments.find(item_id)
        match kind:
            case "input_audio_buffer.speech_started":
                start = self._offset(count(event, "audio_start_ms"))
                self._segments.add(item_id, start)
                self._tell_boundary(Boundary.KIND_SPEECH_STARTED, start)
            case "input_audio_buffer.speech_stopped":
                end = self._offset(count(event, "audio_end_ms"))
                if segment is not None:
                    segment.end = end
                self._tell_boundary(Boundary.KIND_SPEECH_STOPPED, end)
            case "input_audio_buffer.committed" if item_id:
                return self._item_committed(item_id)
            case "conversation.item.input_audio_transcription.delta" if segment is not None:
                if turn := self._turn_of(segment):
                    self.captions.more(turn, text(event, "delta"))
            case "conversation.item.input_audio_transcription.completed":
                self.on_transcribed(self._turn_of(segment), table(event, "usage"))
                return self._written(segment, text(event, "transcript").strip())
            case "conversation.item.input_audio_transcription.failed":
                return self._written(segment, "")
        return None

    def _turn_of(self, segment: Segment | None) -> int:
        return segment.part.turn if segment is not None and segment.part else self._open_turn

    def refused(self, error: Event) -> Part | None:
        """Take an error; if the model has nothing of a turn at all, return its part."""
        event_id = text(error, "event_id")
        for part in [part for part in self._segments.turns if part.awaits_commit]:
            if part.commit_id == event_id or (not event_id and code_of(error) == COMMIT_EMPTY):
                part.awaits_commit = False  # it had committed by itself just before
                self._complete(part)
                if part.segments:
                    return None
                part.transcript = part.transcript or ""
                self._segments.remove(part)
                self.parts.void(part)
                return part
        return None

    @property
    def awaits_commit(self) -> bool:
        """True while the model owes its word on a commit."""
        return self._segments.waiting is not None

    def _item_committed(self, item_id: str) -> Part | None:
        segment = self._segments.find(item_id)
        by_itself = segment is not None and segment.end is not None
        if segment is None:
            segment = self._segments.add(item_id, self._sound.start, self._sound.end)
        segment.is_committed = True
        waiting = self._segments.waiting
        if waiting is not None and not by_itself:  # then its word on our commit is still to come
            waiting.awaits_commit = False
        part = segment.part or self._whose(segment, waiting, by_itself=by_itself)
        if part is None:
            return None
        if segment.part is None:
            self._segments.claim(part, segment)
        return self._complete(part)

    def _whose(self, segment: Segment, waiting: ServerPart | None, *, by_itself: bool) -> ServerPart | None:
        """Return the turn that a segment belongs to, if it is over."""
        if waiting is not None and (waiting.is_given_again or not by_itself):
            return waiting
        if segment.end is None:
            return None
        found, past = nearest(self._segments.turns, segment), nearest(self._segments.past, segment)
        if found is None and past is not None:
            found = self._kept_part(past.turn, past.since_s, segment.start, segment.end)
            found.start, found.end, found.is_rest = past.start, past.end, True
            found.mic_offset, found.told_as = past.mic_offset, past.told_as
        return found

    def _written(self, segment: Segment | None, words: str) -> Part | None:
        if segment is None:
            return None
        segment.transcript = words
        if segment.part is not None:
            return self._complete(segment.part)
        if self._open_turn and segment.start >= self._open_since:
            known = [each.transcript for each in self._segments.unclaimed() if each.transcript]
            transcript = broker.Transcript(turn=self._open_turn, text=" ".join(known))
            self._actions.add(broker.RespondResponse(transcript=transcript))
        return None

    def _complete(self, part: ServerPart) -> Part | None:
        """Fill a part whose words are all known."""
        words = part.known_words
        if part.awaits_commit or not part.segments:
            return None
        if part.transcript is not None:  # its words never came; its sound was given again
            self._segments.close(part)
            return None
        if len(words) < len(part.segments):
            return None
        self._segments.close(part)
        if part.is_rest and not any(words):
            self.parts.drop(part)
            return None
        return self.parts.understood(part, " ".join(filter(None, words)), transcribes=True)

    def _tell_boundary(self, kind: broker.ModelBoundary.Kind.ValueType, offset: int) -> None:
        boundary = broker.ModelBoundary(kind=kind, mic_offset=offset, semantic=self.is_semantic)
        self._actions.add(broker.RespondResponse(model_boundary=boundary))

    def _offset(self, appended_ms: int) -> int:
        """Return the microphone's clock at so much audio of this connection."""
        return (self._first_offset or 0) + samples_of(appended_ms, MIC_HZ)

    # Time.

    def expire(self, now_s: float) -> list[Part]:
        """Wait no longer for the model's word on a commit, or for words."""
        complete = []
        for part in [part for part in self._segments.turns if part.awaits_commit]:
            is_known = part.segments and len(part.known_words) == len(part.segments)
            if is_known and now_s - part.since_s > COMMIT_ANSWER_S:
                part.awaits_commit = False
                complete.append(self._complete(part))
        for late in self.parts.late(now_s):
            self._segments.close(late)
            words = " ".join(filter(None, late.known_words)) if isinstance(late, ServerPart) else ""
            complete.append(self.parts.understood(late, words, transcribes=False))
        return [part for part in complete if part is not None]

    # The connection to the model is lost, and made anew.

    def lose_model(self) -> None:
        """The items are gone, and the model's clock with them."""
        super().lose_model()
        self._segments.lose_model()
        self._first_offset = None

    def commit_again(self, part: Part, now_s: float) -> None:
        """Give a turn's sound to a model that doesn't know it."""
        assert isinstance(part, ServerPart)
        part.since_s = now_s
        if self._commit_asks:
            self._give_otherwise(part)
            return
        if part not in self._segments.turns:
            self._segments.turns.append(part)
        self._first_offset = self._first_offset if self._first_offset is not None else part.start
        self._buffer.append(part.pcm)
        part.commit_id, part.awaits_commit, part.is_given_again = self._buffer.commit(), True, True

    def _reopen(self, part: Part) -> None:
        if isinstance(part, ServerPart) and not self._open_turn:
            self._open_turn, self._open_since = part.turn, part.start

    def _drop(self, part: Part) -> None:
        super()._drop(part)
        self._segments.remove(part)

    def hear_again(self, now_s: float) -> None:
        """Give the open turn's sound to a model that doesn't know it."""
        self.begin(now_s)
        end = self._sound.end
        start = self._open_since if self._open_turn else end
        # However much of older turns it was given: from here on its clock and the microphone's run together.
        self._first_offset = start - self._buffer.appended * MIC_HZ // self._buffer.hz
        self._buffer.append(self._sound.between(start, end))
