"""Turns: the person's turns of one conversation, from a first word to an end that is believed, by ear or by hand.

A turn that is probably over ends *tentatively* first, so that the model can think while the pause grows; when the pause
has grown long enough that end is confirmed, and if the person goes on it is taken back. At most once per pause, and a
few times per turn: each costs an answer that nobody hears. A model that listens all the time is told of no such end:
what it has heard since can't be taken back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from parley.v1 import broker_service_pb2 as broker
from services.vad.beginning import Beginning
from services.vad.completeness import Context
from services.vad.delivery import Delivery
from services.vad.detector import SpeechDetector
from services.vad.endpointing import JUDGED_MS, Pause
from services.vad.events import Event, Judge, TurnTakingSettings
from services.vad.memory import MicMemory
from services.vad.model_ear import ModelEar
from services.vad.retention import Retention
from services.vad.rhythm import Rhythm
from services.vad.turn import PRE_ROLL_MS, Turn
from services.vad.voice import SAMPLES_PER_MS

MOST_TENTATIVE: Final = 3
"""Tentative ends per turn."""


class Turns:
    """One conversation's. What comes of a call is returned as events, in order."""

    def __init__(self, memory: MicMemory, detector: SpeechDetector, settings: TurnTakingSettings) -> None:
        self._memory = memory
        self._detector = detector
        self._settings = settings
        self._rhythm = Rhythm()
        self._model_ear = ModelEar()
        self._delivery = Delivery(memory)
        self.retention = Retention()
        self.open: Turn | None = None
        """The one that is being spoken."""
        self.last: Turn | None = None
        """The one that ended last."""
        self.count = 0
        """The number of the newest, typed ones included."""
        self.context = Context(language=settings.language)
        """What the conversation says of the next pauses."""
        self._decided = 0  # where the past ends, if these are not the first turns of the session

    def go_on(self, past: Beginning) -> None:
        """Begin in the midst of a session: these are numbered after what was decided, and begin after it.

        The turn whose answer is awaited can be resumed like any other. How it began is not known, but that it was one.
        """
        self.count = past.turn
        self._decided = past.decided
        self._delivery.go_on(past.given)
        if past.awaited:
            speech = self._settings.dismissed_ms * SAMPLES_PER_MS
            start = past.hear_from
            self.last = Turn(past.awaited, start, start, False, self._pause(), speech_samples=speech, end=past.decided)
            self.retention.hold(past.awaited, 0)

    def hear_all(self) -> list[Event]:
        """The model listens all the time. An end that is tentative is taken back, and told when it is certain."""
        self._delivery.hear_all()
        if (turn := self.open) is None or not turn.is_tentative:
            return []
        turn.is_tentative = False
        return [broker.TurnResumed(turn=turn.number)]

    def model_boundary(self, boundary: broker.ModelBoundary) -> None:
        """The model's own ear heard speech begin or end."""
        self._model_ear.take(boundary, self._memory.end)

    def begin(self, onset: int, *, interruption: bool, stop_word: str = "") -> list[Event]:
        """Start a turn whose first sound is at `onset`."""
        before = self._delivery.rest(0)
        self.count += 1
        onset = max(onset, self._decided)
        start = self._pre_roll(onset)
        answers = self._settings.answers_stop
        word = "" if answers else stop_word
        self.open = Turn(self.count, start, onset, interruption, self._pause(), answers_stop=answers, stop_word=word)
        self._delivery.begin(start)
        self.retention.keep(self.count, start)
        return [*before, self.open.started()]

    def resume(self, turn: Turn, onset: int) -> list[Event]:
        """Go on with a turn that had ended: the person did."""
        before = self._delivery.rest(0)
        self._rhythm.taken_back()
        onset = max(onset, self._decided)
        turn.resume(self._delivery.resume(self._pre_roll(onset)), onset, self._pause())
        self.open = turn
        self.retention.keep(turn.number, turn.part_start)
        self._detector.hold(onset, self._detector.last_speech)
        return [*before, broker.TurnResumed(turn=turn.number)]

    def pause(self, turn: Turn) -> list[Event]:
        """A window went by: ask about the pause, or take back an end that was tentative."""
        self._ask_model_ear(turn)
        before = turn.pause.number
        ask = turn.pause.feed(self._detector.silence_samples, self._detector.speech_samples)
        if turn.pause.number != before and turn.is_tentative:
            turn.is_tentative = False
            turn.pause.context = replace(turn.pause.context, words=None)  # what was written lacks what is being said
            return [broker.TurnResumed(turn=turn.number)]
        if ask is None:
            return []
        until = self._memory.end
        pcm = self._memory.slice(max(turn.start, until - JUDGED_MS * SAMPLES_PER_MS), until)
        return [Judge(turn.number, ask.pause, pcm)]

    def judged(self, turn: Turn, pause: int, complete: float | None) -> list[Event]:
        """Take a judgement; a turn that is probably over ends tentatively."""
        turn.pause.judged(pause, complete)
        if self._delivery.is_continuous:
            return []
        likely = turn.pause.complete is not None and turn.pause.complete >= self._settings.tentative_from
        if not likely or turn.is_tentative or turn.tentative_ends >= MOST_TENTATIVE or self.is_too_short(turn):
            return []
        if pause != turn.pause.number or turn.pause.is_over(self._detector.silence_samples):
            return []
        turn.is_tentative = True
        turn.tentative_ends += 1
        return [
            *self._delivery.pieces(turn.number, all_of_it=True),
            self._ended(turn, turn.pause.complete, tentative=True),
        ]

    def is_over(self, turn: Turn) -> bool:
        """Say whether the pause has become the end."""
        return turn.pause.is_over(self._detector.silence_samples)

    def is_endless(self, turn: Turn) -> bool:
        """Say whether it has to be ended whatever is heard."""
        return turn.pause.is_endless(self._memory.end - turn.part_start)

    def is_too_short(self, turn: Turn) -> bool:
        """Say whether there was too little speech for a turn."""
        speech_samples = turn.speech_samples + self._detector.speech_samples
        return speech_samples < self._settings.dismissed_ms * SAMPLES_PER_MS

    def end(self, turn: Turn, complete: float | None, *, by_ear: bool = False) -> list[Event]:
        """The turn is over: by the length of a pause, or because somebody said so."""
        if by_ear:
            self._rhythm.ended()
        if turn.is_tentative:
            turn.is_tentative = False
            waited_ms = (self._memory.end - turn.end) / SAMPLES_PER_MS
            events: list[Event] = [
                broker.TurnConfirmed(turn=turn.number, waited_ms=waited_ms, confidence=complete or 0.0)
            ]
        else:
            events = [
                *self._delivery.pieces(turn.number, all_of_it=True),
                self._ended(turn, complete, tentative=False),
            ]
        turn.speech_samples += self._detector.speech_samples
        self.last, self.open = turn, None
        self._detector.rest()
        return events

    def dismiss(self, turn: Turn) -> list[Event]:
        """It was no speech."""
        self.retention.dismiss(turn.number)
        self.open = None
        self._detector.rest()
        return [
            *self._delivery.rest(turn.number),
            broker.SpeechDismissed(turn=turn.number, why=broker.SpeechDismissed.WHY_NOISE),
        ]

    def typed(self, text: str, name: str, now: int) -> list[Event]:
        """The person typed a turn, which has a name, at sample `now`."""
        self.count += 1
        self.retention.hold(self.count, now)
        return [*self._delivery.rest(0), broker.Typed(turn=self.count, text=text, id=name, mic_offset=now)]

    def audio(self) -> list[Event]:
        """Return what the broker has not been given: of the open turn, while its end is not tentative; or of all."""
        turn = self.open
        if not self._delivery.is_continuous and (turn is None or turn.is_tentative):
            return []
        return list(self._delivery.pieces(turn.number if turn is not None else 0, all_of_it=False))

    def _ended(self, turn: Turn, complete: float | None, *, tentative: bool) -> broker.TurnEnded:
        speech = self._detector
        return turn.ended(self._memory.end, speech.last_speech, speech.speech_samples, complete, tentative=tentative)

    def _ask_model_ear(self, turn: Turn) -> None:
        worth = self._model_ear.worth_since(self._detector.last_speech)
        if worth != turn.pause.context.model_stopped:
            turn.pause.context = replace(turn.pause.context, model_stopped=worth)

    def _pre_roll(self, onset: int) -> int:
        """Return where a turn's audio begins, or that of its continuation."""
        return max(onset - PRE_ROLL_MS * SAMPLES_PER_MS, self._memory.start, self._decided)

    def _pause(self) -> Pause:
        return Pause(self._settings.endpointing, self._rhythm, self.context)
