"""The person's side of a session: what is appended becomes turns, by the client's commits or by the ear.

Positions are samples at 24 kHz of all audio that was appended in this session; milliseconds in events count from the
same start. The item of a turn has its identifier from the turn's first sound on.
"""

from __future__ import annotations

from typing import Final, Protocol

from services.engine.protocol.client_event import decode_audio
from services.engine.protocol.configuration import Configuration
from services.engine.protocol.conversation import Conversation, announced
from services.engine.protocol.errors import ClientError
from services.engine.protocol.events import Action, Event, Forget, Hear, Judge, new_id, send
from services.engine.protocol.formats import RATE_HZ, SAMPLES_PER_MS, Decoder
from services.engine.protocol.item import Item, Part
from services.engine.protocol.transcripts import Transcripts
from services.engine.protocol.turn_detection import Boundary, Question, Started, Stopped, TurnDetector
from services.vad.memory import MicMemory
from services.vad.silero import SileroModel

_MIN_COMMIT_MS: Final = 100
_MAX_BUFFER_S: Final = 300  # one turn in manual mode; 14 MB
_KEPT_SILENCE_S: Final = 30  # of what comes between detected turns: the longest idle timeout
_PORTION_SAMPLES: Final = RATE_HZ // 2  # heard at a time: the ear needs about 3 ms for it


class Floor(Protocol):
    """Whose turn it is to speak: told when the person begins and when a detected turn is over."""

    def person_began(self) -> list[Action]:
        """The person speaks."""

    def person_finished(self) -> list[Action]:
        """A detected turn is in the conversation."""


class InputAudio:
    """The input audio buffer, and the ear over it."""

    def __init__(
        self,
        configuration: Configuration,
        conversation: Conversation,
        transcripts: Transcripts,
        floor: Floor,
        model: SileroModel,
    ) -> None:
        self._configuration = configuration
        self._conversation = conversation
        self._transcripts = transcripts
        self._floor = floor
        self._model = model
        self._format = configuration.input_format
        self._decoder = Decoder(self._format)
        self._waiting = bytearray()  # appended, and not heard yet
        self._buffer = MicMemory()
        self._since = 0  # where the audio begins that no item has yet
        self._turn: str | None = None  # the item of the turn that is being spoken
        self._heard = 0  # up to where the recogniser has it
        self._detector = self._new_detector()

    @property
    def end(self) -> int:
        """Samples appended and heard so far."""
        return self._buffer.end

    @property
    def is_waiting(self) -> bool:
        """Whether audio was appended that is not heard yet: call `hear` before the next event."""
        return bool(self._waiting)

    @property
    def is_spoken(self) -> bool:
        """Whether the ear hears the person speak."""
        return self._detector is not None and self._detector.is_open

    # What the client does

    def append(self, event: Event) -> list[Action]:
        """Take more audio, and hear the first of it."""
        pcm = self._decoder.feed(decode_audio(event.get("audio"), "audio", self._decoder.sample_bytes))
        buffered = self.end - self._since + (len(self._waiting) + len(pcm)) // 2
        if self._detector is None and buffered > _MAX_BUFFER_S * RATE_HZ:
            message = f"A turn may last {_MAX_BUFFER_S} s: commit or clear the input audio buffer"
            raise ClientError("input_audio_buffer_full", message, "audio")
        self._waiting += pcm
        return self.hear()

    def hear(self) -> list[Action]:
        """Hear a portion of what is waiting."""
        pcm = bytes(self._waiting[: _PORTION_SAMPLES * 2])
        del self._waiting[: len(pcm)]
        self._buffer.append(pcm)
        actions: list[Action] = []
        if self._detector is not None:
            self._detector.asked(self._is_asked())
            for boundary in self._detector.feed(pcm):
                actions += self._pass(boundary)
            if self._turn is None:
                self._since = max(self._since, self.end - _KEPT_SILENCE_S * RATE_HZ)
                self._buffer.forget_before(self._since)
        elif self._turn is None and pcm:
            actions += self._open(self._since)
        return actions + self._hear_on(self.end)

    def commit(self) -> list[Action]:
        """The turn is over, says the client. Raises ClientError if there is too little of it."""
        self._waiting += self._decoder.finish()
        buffered_ms = (self.end - self._since + len(self._waiting) // 2) / SAMPLES_PER_MS
        if buffered_ms < _MIN_COMMIT_MS:
            message = (
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{_MIN_COMMIT_MS}ms of audio, but buffer only has {buffered_ms:.2f}ms of audio."
            )
            raise ClientError("input_audio_buffer_commit_empty", message)
        actions = self.hear()
        while self._waiting:
            actions += self.hear()
        if self._turn is None:
            actions += self._open(self._since)
        actions += [*self._hear_on(self.end), *self._close(self.end)]
        if self._detector is not None:
            self._detector.rest()
        return actions

    def clear(self) -> list[Action]:
        """What is in the buffer is void."""
        self._waiting.clear()
        self._decoder.finish()
        self._since = self.end
        self._buffer = MicMemory(self.end)
        if self._detector is not None:
            self._detector.rest()
        return [*self._drop_turn(), send("input_audio_buffer.cleared")]

    def reconfigure(self) -> list[Action]:
        """The session's settings may have changed. A turn that is being spoken goes on under the new ones."""
        if self._configuration.input_format != self._format:
            self._waiting += self._decoder.finish()
            self._format = self._configuration.input_format
            self._decoder = Decoder(self._format)
        detection = self._configuration.detection
        if detection is None and self._detector is not None:
            self._detector = None
            if self._turn is None:
                self._since = self.end  # the silence so far is part of no turn
        elif detection is not None and self._detector is None:
            self._detector = self._new_detector()
            return self._drop_turn()  # it is the ear's now to say where a turn begins
        elif detection is not None and self._detector is not None:
            self._detector.change(detection)
        return []

    def _new_detector(self) -> TurnDetector | None:
        detection = self._configuration.detection
        return None if detection is None else TurnDetector(self._model, detection, self.end)

    def _is_asked(self) -> bool:
        last = self._conversation.last
        return last is not None and last.role == "assistant" and last.text.rstrip().endswith("?")

    # What the shell reports

    def judged(self, turn: int, pause: int, complete: float | None) -> list[Action]:
        """The answer to a Judge."""
        actions: list[Action] = []
        for boundary in self._detector.judged(turn, pause, complete) if self._detector is not None else []:
            actions += self._pass(boundary)
        return actions

    def timed_out(self, since: int) -> list[Action]:
        """Nobody spoke after the reply, which was over at sample `since`: the silence is committed."""
        start = min(max(since, self._since), self.end)
        item_id = new_id("item")
        self._since = start
        fields = {"audio_start_ms": start // SAMPLES_PER_MS, "audio_end_ms": self.end // SAMPLES_PER_MS}
        triggered = send("input_audio_buffer.timeout_triggered", item_id=item_id, **fields)
        item = self._item(item_id, self.end)
        item.is_silence = True
        return [triggered, *self._commit(item, self.end), *self._transcripts.silence(item)]

    # Turns

    def _pass(self, boundary: Boundary) -> list[Action]:
        match boundary:
            case Started(onset_ms):
                return self._begin(onset_ms)
            case Stopped(end_ms):
                return self._end(end_ms)
            case Question(turn, pause, pcm):
                return [Judge(turn, pause, pcm)]

    def _begin(self, onset_ms: int) -> list[Action]:
        detection = self._configuration.detection
        prefix_ms = detection.prefix_ms if detection is not None else 0
        listening = self._open(max((onset_ms - prefix_ms) * SAMPLES_PER_MS, self._since))
        fields = {"item_id": self._turn, "audio_start_ms": self._since // SAMPLES_PER_MS}
        started = send("input_audio_buffer.speech_started", **fields)
        return [started, *self._floor.person_began(), *listening]

    def _end(self, end_ms: int) -> list[Action]:
        # What the recogniser has heard beyond the last window is part of the turn: its words must not come twice.
        end = max(end_ms * SAMPLES_PER_MS, self._heard)
        heard = self._hear_on(end)
        fields = {"item_id": self._turn, "audio_end_ms": end // SAMPLES_PER_MS}
        stopped = send("input_audio_buffer.speech_stopped", **fields)
        return [*heard, stopped, *self._close(end), *self._floor.person_finished()]

    def _open(self, since: int) -> list[Action]:
        """A turn begins at a sample; its audio is recognised from there on."""
        self._turn = new_id("item")
        self._since = self._heard = since
        return [self._transcripts.listen(self._turn)]

    def _hear_on(self, until: int) -> list[Action]:
        if self._turn is None or until <= self._heard:
            return []
        pcm = self._buffer.slice(self._heard, until)
        self._heard = until
        return [Hear(self._turn, pcm)]

    def _close(self, end: int) -> list[Action]:
        """The turn becomes an item."""
        assert self._turn is not None
        item, self._turn = self._item(self._turn, end), None
        return [*self._commit(item, end), *self._transcripts.committed(item)]

    def _item(self, item_id: str, end: int) -> Item:
        pcm = bytearray(self._buffer.slice(self._since, end))
        return Item(item_id, role="user", parts=[Part("input_audio", "", len(pcm) // 2, pcm, transcribed=False)])

    def _commit(self, item: Item, end: int) -> list[Action]:
        self._since = end
        self._buffer.forget_before(end)
        previous = self._conversation.add(item)
        committed = send("input_audio_buffer.committed", item_id=item.id, previous_item_id=previous)
        return [committed, *announced(item, previous)]

    def _drop_turn(self) -> list[Action]:
        turn, self._turn = self._turn, None
        if turn is None:
            return []
        self._transcripts.forget(turn)
        return [Forget(turn)]
