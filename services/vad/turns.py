"""Turns: the person's turns of one conversation, from a first word to an end that is believed, by ear or by hand.

A turn that is probably over ends *tentatively* first, so that the model can think while the pause grows; when the pause
has grown long enough that end is confirmed, and if the person goes on it is taken back. At most once per pause, and a
few times per turn: each costs an answer that nobody hears.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from parley.v1 import broker_service_pb2 as broker
from services.vad.completeness import Context
from services.vad.detector import SpeechDetector
from services.vad.endpointing import JUDGED_MS, Pause
from services.vad.events import Event, Judge, TurnTakingSettings
from services.vad.memory import MicMemory
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
        self.retention = Retention()
        self.open: Turn | None = None
        """The one that is being spoken."""
        self.last: Turn | None = None
        """The one that ended last."""
        self.count = 0
        """The number of the newest, typed ones included."""
        self.context = Context(language=settings.language)
        """What the conversation says of the next pauses."""

    def begin(self, onset: int, *, interruption: bool, stop_word: str = "") -> list[Event]:
        """Start a turn whose first sound is at `onset`."""
        self.count += 1
        start = max(onset - PRE_ROLL_MS * SAMPLES_PER_MS, self._memory.start)
        answers = self._settings.answers_stop
        word = "" if answers else stop_word
        self.open = Turn(self.count, start, onset, interruption, self._pause(), answers_stop=answers, stop_word=word)
        self.retention.keep(self.count, start)
        return [self.open.started()]

    def resume(self, turn: Turn, onset: int) -> list[Event]:
        """Go on with a turn that had ended: the person did."""
        self._rhythm.taken_back()
        turn.resume(onset, self._pause())
        self.open = turn
        self.retention.keep(turn.number, turn.sent)
        self._detector.hold(onset, self._detector.last_speech)
        return [broker.TurnResumed(turn=turn.number)]

    def pause(self, turn: Turn) -> list[Event]:
        """A window went by: ask about the pause, or take back an end that was tentative."""
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
        likely = turn.pause.complete is not None and turn.pause.complete >= self._settings.tentative_from
        if not likely or turn.is_tentative or turn.tentative_ends >= MOST_TENTATIVE or self.is_too_short(turn):
            return []
        if pause != turn.pause.number or turn.pause.is_over(self._detector.silence_samples):
            return []
        turn.is_tentative = True
        turn.tentative_ends += 1
        return [*turn.audio(self._memory, all_of_it=True), self._ended(turn, turn.pause.complete, tentative=True)]

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
            events = [*turn.audio(self._memory, all_of_it=True), self._ended(turn, complete, tentative=False)]
        turn.speech_samples += self._detector.speech_samples
        self.last, self.open = turn, None
        self._detector.rest()
        return events

    def dismiss(self, turn: Turn) -> list[Event]:
        """It was no speech."""
        self.retention.drop(turn.number)
        self.open = None
        self._detector.rest()
        return [broker.SpeechDismissed(turn=turn.number, why=broker.SpeechDismissed.WHY_NOISE)]

    def typed(self, text: str) -> list[Event]:
        """The person typed a turn."""
        self.count += 1
        return [broker.Typed(turn=self.count, text=text)]

    def audio(self) -> list[Event]:
        """Return what of the open turn the broker has not been given; nothing while its end is tentative."""
        if self.open is None or self.open.is_tentative:
            return []
        return list(self.open.audio(self._memory, all_of_it=False))

    def _ended(self, turn: Turn, complete: float | None, *, tentative: bool) -> broker.TurnEnded:
        speech = self._detector
        return turn.ended(self._memory.end, speech.last_speech, speech.speech_samples, complete, tentative=tentative)

    def _pause(self) -> Pause:
        return Pause(self._settings.endpointing, self._rhythm, self.context)
