"""Server ears: the model listens all the time and commits by its own voice activity detection; vad still decides.

Everything that is heard goes to the model. What it takes for speech becomes an item by itself; vad's turns claim the
items that lie in them, and what belongs to no turn, a cough or a "mm-hmm", is deleted before the model is asked again.
Where the model has not committed when vad says that a turn is over, it is told to. Its own boundaries go back to vad
as one more voice at a pause.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from parley.v1 import broker_service_pb2 as broker
from services.broker.actions import Actions
from services.broker.ears import Ears
from services.broker.event import Event, count, table, text
from services.broker.faults import COMMIT_EMPTY, code_of
from services.broker.history import History
from services.broker.part import Part
from services.broker.upstream.capabilities import Capabilities
from services.common.audio import MIC_HZ, SAMPLE_BYTES, samples_of

KEPT_S: Final = 70
"""Sound kept for a connection that breaks: the longest turn, and its pre-roll."""

COMMIT_ANSWER_S: Final = 2.0
"""How long a turn whose words are known waits for the model's word on our commit. There might be more."""

_PAST: Final = 3

PRE_ROLL_SAMPLES: Final = samples_of(300, MIC_HZ)

Boundary = broker.ModelBoundary


@dataclass(eq=False)
class Segment:
    """What the model takes for one stretch of speech: an item. Offsets are the user's samples of the session."""

    item_id: str
    start: int
    end: int | None = None
    is_committed: bool = False
    part: ServerPart | None = None
    transcript: str | None = None


@dataclass(eq=False)
class ServerPart(Part):
    """A turn, and what the model made of it."""

    start: int = 0
    end: int = 0
    segments: list[Segment] = field(default_factory=list)
    awaits_commit: bool = False
    is_given_again: bool = False
    """Its sound was given to a new connection, whose clock knows nothing of it."""
    is_rest: bool = False
    """The turn stands in history already: without words this is nothing but its last silence."""

    def overlaps(self, segment: Segment) -> bool:
        """Say whether a segment lies in it, at least in part."""
        return segment.start < self.end and (segment.end is None or segment.end > self.start)


def _nearest(parts: Iterable[ServerPart], segment: Segment) -> ServerPart | None:
    """Return the turn in which most of a segment lies, if it lies in any; where its end is open the first of them."""
    over = [part for part in parts if part.overlaps(segment)]
    if (end := segment.end) is None:
        return over[0] if over else None
    return max(over, key=lambda part: min(part.end, end) - max(part.start, segment.start), default=None)


class ServerEars(Ears):
    """Ears for a model that listens all the time."""

    def __init__(self, actions: Actions, history: History, capabilities: Capabilities | None = None) -> None:
        super().__init__(actions, history, capabilities)
        self.is_semantic = False
        """The model's ear weighs what was said, not only the silence after it."""
        self._segments: list[Segment] = []
        self._parts: list[ServerPart] = []
        self._past: deque[ServerPart] = deque(maxlen=_PAST)
        """Turns of which all was thought to be known: the model's word on the rest may be late."""
        self._open_turn = 0
        self._open_since = 0
        self._last_turn = self._last_end = 0
        self._sound = bytearray()
        self._sound_start = 0
        self._first_offset: int | None = None
        """Where the microphone stood at the first sample that this connection was given."""

    # From vad.

    def started(self, started: broker.SpeechStarted) -> None:
        """A turn has begun."""
        self._open_turn = started.turn
        self._open_since = max(started.onset_offset - PRE_ROLL_SAMPLES, 0)

    def resumed(self, turn: int) -> None:
        """A turn that had ended goes on: what was said since then is its own."""
        if self._open_turn != turn:
            self._open_turn, self._open_since = turn, self._last_end if turn == self._last_turn else self._now

    def take(self, audio: broker.TurnAudio) -> None:
        """Pass on what is heard, speech or not."""
        if not self._sound:
            self._sound_start = audio.mic_offset
        if self._first_offset is None:
            self._first_offset = audio.mic_offset
        self.captions.heard(audio.turn)
        self.check(audio.pcm)
        self._sound += audio.pcm
        surplus = len(self._sound) - KEPT_S * MIC_HZ * SAMPLE_BYTES
        if surplus > 0:
            del self._sound[:surplus]
            self._sound_start += surplus // SAMPLE_BYTES
        self._buffer.append(audio.pcm)

    def turn_of_speech(self) -> int:
        """Return the turn that is being spoken, or 0."""
        return self._open_turn

    @property
    def has_sound(self) -> bool:
        """True while a turn is open."""
        return self._open_turn > 0

    def commit(self, turn: int, now_s: float, *, held: bool = False, end_offset: int = 0) -> Part:
        """A turn is over: claim what the model has heard of it, and have it commit what it has not."""
        end = end_offset or self._now
        start = self._open_since if self._open_turn == turn else end
        self._last_turn, self._last_end = turn, end
        part = ServerPart(turn, "", self._since(now_s), start=start, end=end, pcm=self._slice(start, end))
        self._keep(part)
        self._parts.append(part)
        self._open_turn = 0
        candidates = [each for each in self._parts if each.awaits_commit or each is part]
        for segment in [segment for segment in self._segments if segment.part is None]:
            if _nearest(candidates, segment) is part:
                self._claim(part, segment)
        if not part.segments or not all(segment.is_committed for segment in part.segments):
            part.awaits_commit = not self._actions.model_away
            part.commit_id = self._buffer.commit()
        self._delete_unclaimed(before=start)
        self._complete(part)
        return part

    def forget(self) -> None:
        """It was no turn; what the model made of it will be deleted."""
        self._open_turn = 0

    # From the model.

    def from_model(self, event: Event) -> Part | None:
        """Take an event about the person's words; return the part whose transcript is complete by it."""
        kind, item_id = text(event, "type"), text(event, "item_id")
        match kind:
            case "input_audio_buffer.speech_started":
                start = self._offset(count(event, "audio_start_ms"))
                self._segments.append(Segment(item_id, start))
                self._tell_boundary(Boundary.KIND_SPEECH_STARTED, start)
            case "input_audio_buffer.speech_stopped":
                end = self._offset(count(event, "audio_end_ms"))
                for segment in self._find(item_id):
                    segment.end = end
                self._tell_boundary(Boundary.KIND_SPEECH_STOPPED, end)
            case "input_audio_buffer.committed" if item_id:
                return self._item_committed(item_id)
            case "conversation.item.input_audio_transcription.delta":
                for segment in self._find(item_id):
                    if turn := segment.part.turn if segment.part else self._open_turn:
                        self.captions.more(turn, text(event, "delta"))
            case "conversation.item.input_audio_transcription.completed":
                found = next(self._find(item_id), None)
                turn = found.part.turn if found is not None and found.part else self._open_turn
                self.on_transcribed(turn, table(event, "usage"))
                return self._written(item_id, text(event, "transcript").strip())
            case "conversation.item.input_audio_transcription.failed":
                return self._written(item_id, "")
        return None

    def refused(self, error: Event) -> Part | None:
        """Take an error; if the model has nothing of a turn at all, return its part."""
        event_id = text(error, "event_id")
        for part in [part for part in self._parts if part.awaits_commit]:
            if part.commit_id == event_id or (not event_id and code_of(error) == COMMIT_EMPTY):
                part.awaits_commit = False  # it had committed by itself just before
                self._complete(part)
                if part.segments:
                    return None
                part.transcript = part.transcript or ""
                self._parts.remove(part)
                self._void(part)
                return part
        return None

    @property
    def awaits_commit(self) -> bool:
        """True while the model owes its word on a commit."""
        return any(part.awaits_commit for part in self._parts)

    def _item_committed(self, item_id: str) -> Part | None:
        segment = next(self._find(item_id), None)
        by_itself = segment is not None and segment.end is not None
        if segment is None:
            segment = Segment(item_id, self._sound_start, self._now)
            self._segments.append(segment)
        segment.is_committed = True
        waiting = next((part for part in self._parts if part.awaits_commit), None)
        if waiting is not None and not by_itself:  # then its word on our commit is still to come
            waiting.awaits_commit = False
        part = segment.part or self._whose(segment, waiting, by_itself=by_itself)
        if part is None:
            return None
        if segment.part is None:
            self._claim(part, segment)
        return self._complete(part)

    def _whose(self, segment: Segment, waiting: ServerPart | None, *, by_itself: bool) -> ServerPart | None:
        """Return the turn that a segment belongs to, if it is over."""
        if waiting is not None and (waiting.is_given_again or not by_itself):
            return waiting
        if segment.end is None:
            return None
        found, past = _nearest(self._parts, segment), _nearest(self._past, segment)
        if found is None and past is not None:
            pcm = self._slice(segment.start, segment.end)
            found = ServerPart(past.turn, "", past.since_s, start=past.start, end=past.end, pcm=pcm, is_rest=True)
            self._keep(found)
            self._parts.append(found)
        return found

    def _claim(self, part: ServerPart, segment: Segment) -> None:
        segment.part = part
        part.segments.append(segment)
        part.item_id = part.item_id or segment.item_id

    def _written(self, item_id: str, words: str) -> Part | None:
        for segment in self._find(item_id):
            segment.transcript = words
            if segment.part is not None:
                return self._complete(segment.part)
            if self._open_turn and segment.start >= self._open_since:
                known = [s.transcript for s in self._segments if s.part is None and s.transcript]
                transcript = broker.Transcript(turn=self._open_turn, text=" ".join(known))
                self._actions.add(broker.RespondResponse(transcript=transcript))
        return None

    def _complete(self, part: ServerPart) -> Part | None:
        """Fill a part whose words are all known."""
        if part.awaits_commit or not part.segments:
            return None
        if part.transcript is not None:  # its words never came; its sound was given again
            self._close(part)
            return None
        words = [segment.transcript for segment in part.segments if segment.transcript is not None]
        if len(words) < len(part.segments):
            return None
        if part.is_rest and not any(words):
            self._close(part)
            self._drop(part)
            return None
        return self._understand(part, " ".join(filter(None, words)), transcribes=True)

    def _understand(self, part: Part, transcript: str, *, transcribes: bool) -> Part:
        if isinstance(part, ServerPart) and not transcribes:  # some of its words may be known
            transcript = " ".join(filter(None, (segment.transcript for segment in part.segments)))
        self._close(part)
        return super()._understand(part, transcript, transcribes=transcribes)

    def expire(self, now_s: float) -> list[Part]:
        """Wait no longer for the model's word on a commit, or for words."""
        late = [part for part in self._parts if part.awaits_commit and now_s - part.since_s > COMMIT_ANSWER_S]
        complete = []
        for part in late:
            if part.segments and all(segment.transcript is not None for segment in part.segments):
                part.awaits_commit = False
                complete.append(self._complete(part))
        return [part for part in complete if part is not None] + super().expire(now_s)

    def _close(self, part: Part) -> None:
        """Await nothing more of a part."""
        self._past.extend(each for each in self._parts if each is part)
        self._parts = [each for each in self._parts if each is not part]
        self._segments = [segment for segment in self._segments if segment.part is not part]

    def _delete_unclaimed(self, before: int) -> None:
        for segment in [s for s in self._segments if s.part is None and s.is_committed and (s.end or 0) <= before]:
            self._segments.remove(segment)
            self._delete(segment.item_id)

    def _find(self, item_id: str) -> Iterator[Segment]:
        return (segment for segment in list(self._segments) if segment.item_id == item_id)

    def _tell_boundary(self, kind: broker.ModelBoundary.Kind.ValueType, offset: int) -> None:
        boundary = broker.ModelBoundary(kind=kind, mic_offset=offset, semantic=self.is_semantic)
        self._actions.add(broker.RespondResponse(model_boundary=boundary))

    @property
    def _now(self) -> int:
        """The microphone's clock."""
        return self._sound_start + len(self._sound) // SAMPLE_BYTES

    def _offset(self, appended_ms: int) -> int:
        """Return the microphone's clock at so much audio of this connection."""
        return (self._first_offset or 0) + samples_of(appended_ms, MIC_HZ)

    def _slice(self, start: int, end: int) -> bytes:
        low = max(start - self._sound_start, 0) * SAMPLE_BYTES
        return bytes(self._sound[low : max(end - self._sound_start, 0) * SAMPLE_BYTES])

    # The connection to the model is lost, and made anew.

    def lose_model(self) -> None:
        """The items are gone, and the model's clock with them."""
        super().lose_model()
        self._segments.clear()
        self._past.clear()
        self._first_offset = None
        for part in self._parts:
            part.segments.clear()
            part.awaits_commit, part.item_id = False, ""

    def commit_again(self, part: Part, now_s: float) -> None:
        """Give a turn's sound to a model that doesn't know it."""
        assert isinstance(part, ServerPart)
        part.since_s = now_s
        if self._commit_asks:
            self._give_otherwise(part)
            return
        if part not in self._parts:
            self._parts.append(part)
        self._first_offset = self._first_offset if self._first_offset is not None else part.start
        self._buffer.append(part.pcm)
        part.commit_id, part.awaits_commit, part.is_given_again = self._buffer.commit(), True, True

    def _reopen(self, part: Part) -> None:
        if isinstance(part, ServerPart) and not self._open_turn:
            self._open_turn, self._open_since = part.turn, part.start

    def _drop(self, part: Part) -> None:
        super()._drop(part)
        self._parts = [each for each in self._parts if each is not part]

    def hear_again(self, now_s: float) -> None:
        """Give the open turn's sound to a model that doesn't know it."""
        self.begin(now_s)
        end = self._now
        start = self._open_since if self._open_turn else end
        # However much of older turns it was given: from here on its clock and the microphone's run together.
        self._first_offset = start - self._buffer.appended * MIC_HZ // self._buffer.hz
        self._buffer.append(self._slice(start, end))
