"""vad's decisions from a script. They leave through vad's own session, so they take the ways that real ones take."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from parley.v1 import audio_pb2 as audio
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from services.vad.delivery import CHUNK_MS
from services.vad.events import Event
from services.vad.interruption import Decision, Verdict, Why
from services.vad.verdicts import Kind, Verdicts

Deed = Literal[
    "turn",
    "tentative",
    "confirm",
    "cancel",
    "resume",
    "key",
    "typed",
    "duck",
    "release",
    "announce",
    "announce over",
    "hang up",
]
"""turn: the person has finished a turn, or goes on with the one under way and finishes it. tentative: they have
probably finished. confirm: they have. cancel: they take the floor. resume: they go on with the turn that seemed to have
ended. key: they take the floor and say nothing. typed: they type a turn. duck, release: somebody made a noise.
announce: an operator has something said. announce over: they stop the assistant first. hang up: nothing; it is the
broker that does, and the simulation sees to it."""

SPOKEN_MS: Final = 200
"""Speech of a turn, or of what is added to it."""


@dataclass(frozen=True)
class Act:
    """One decision, so long after the one before."""

    after_ms: int
    deed: Deed


class ScriptedVad:
    """Stands where vad's decision core stands; whatever it is asked, it gives the next act's events.

    Where the model listens all the time it gives the broker everything: silence between what is said, as long as the
    script waits; and no end is tentative, so that "tentative" is a pause, and "confirm" the end.
    """

    def __init__(self, script: Sequence[Act]) -> None:
        self.script = tuple(script)
        self._acts = deque(script)
        self._verdicts = Verdicts("s", lease=1)
        self._turns = 0
        self._said_ms = 0
        """Speech of the turn under way."""
        self._is_tentative = False
        self._is_continuous = False
        self._now_ms = 0
        self._heard_ms = 0
        """How much of the microphone the broker has been given, where it is given everything."""
        self.said_ms: list[int] = []
        """The same of every turn, and every part of a resumed one, that has ended."""
        self.announced: list[str] = []
        """The names of the announcements passed on since the last cancel: nothing but a fault can stop these."""
        self._announcements = 0

    @property
    def is_done(self) -> bool:
        """True after the last act."""
        return not self._acts

    @property
    def next(self) -> str:
        """What comes next."""
        return self._acts[0].deed if self._acts else ""

    def end_rests_on(self) -> dict[str, float]:
        """The script decides, and it has no reasons."""
        return {}

    def hear_all(self) -> list[Event]:
        """The model listens all the time."""
        self._is_continuous, self._heard_ms = True, self._now_ms
        return []

    def model_boundary(self, _boundary: broker.ModelBoundary) -> list[Event]:
        """The model's own ear; the script decides without it."""
        return []

    def interrupt(self) -> list[Event]:
        """Return what is decided now."""
        act = self._acts.popleft()
        self._now_ms += act.after_ms
        return [*self._silence(), *self._decided(act.deed)]

    def _decided(self, deed: Deed) -> list[Event]:
        match deed:
            case "turn":
                return [*self._speech(), *self._end(tentative=False)]
            case "tentative":
                return [*self._speech(), *self._end(tentative=True)]
            case "confirm":
                return self._confirmed()
            case "typed" if self._is_tentative:
                return [*self._confirmed(), self._typed()]
            case "typed":
                return [self._cancel(Kind.CAUSE_TYPED), self._typed()]
            case "cancel":
                return [self._cancel(Kind.CAUSE_SPEECH), broker.SpeechStarted(turn=self._turns + 1)]
            case "key":
                return [self._cancel(Kind.CAUSE_CLIENT)]
            case "resume" if self._said_ms:
                return self._resumed()
            case "resume":
                resumed = max(self._turns, 1)
                self._turns = resumed - 1
                return [self._cancel(Kind.CAUSE_TURN_RESUMED), broker.TurnResumed(turn=resumed)]
            case "announce":
                return [self._announcement()]
            case "announce over":
                return [self._cancel(Kind.CAUSE_OPERATOR), self._announcement()]
            case "duck":
                return [self._verdicts.duck(Verdict(Decision.DUCK, Why.ONSET, 0, 0), 0, audio.Playhead())]
            case "release":
                return [*self._verdicts.release(Kind.CAUSE_NOISE, 0, 0, audio.Playhead())]
            case "hang up":
                return []

    def _speech(self) -> list[Event]:
        resumed = self._resumed()
        self._turns += not self._said_ms
        self._said_ms += SPOKEN_MS
        return [*resumed, self._audio(SPOKEN_MS)]

    def _audio(self, ms: int) -> broker.TurnAudio:
        """Return so much of the microphone, as the turn's under way; 0 if there is none."""
        turn = self._turns if self._said_ms else 0
        piece = broker.TurnAudio(turn=turn, mic_offset=16 * self._heard_ms, pcm=bytes(ms * 32))
        self._heard_ms += ms if self._is_continuous else 0
        return piece

    def _silence(self) -> list[Event]:
        pieces: list[Event] = []
        while self._is_continuous and (missing_ms := self._now_ms - self._heard_ms) > 0:
            pieces.append(self._audio(min(missing_ms, CHUNK_MS)))
        return pieces

    def _end(self, *, tentative: bool) -> list[Event]:
        self._is_tentative = tentative
        if not tentative:
            self._note_end()
        elif self._is_continuous:
            return []
        return [broker.TurnEnded(turn=self._turns, tentative=tentative, confidence=1.0, speech_ms=2_000)]

    def _resumed(self) -> list[Event]:
        was_tentative, self._is_tentative = self._is_tentative, False
        return [broker.TurnResumed(turn=self._turns)] if was_tentative and not self._is_continuous else []

    def _confirmed(self) -> list[Event]:
        if not self._is_tentative:
            return []
        if self._is_continuous:
            return self._end(tentative=False)
        self._is_tentative = False
        self._note_end()
        return [broker.TurnConfirmed(turn=self._turns, waited_ms=700.0, confidence=1.0)]

    def _note_end(self) -> None:
        self.said_ms.append(self._said_ms)
        self._said_ms = 0

    def _typed(self) -> broker.Typed:
        self._turns += 1
        return broker.Typed(turn=self._turns, text="tell me more")

    def _announcement(self) -> session.Announcement:
        self._announcements += 1
        self.announced.append(f"a{self._announcements}")
        return session.Announcement(id=self.announced[-1], text=f"This is announcement {self._announcements}.")

    def _cancel(self, cause: Kind.Cause.ValueType) -> Event:
        self.announced.clear()
        return self._verdicts.cancel(cause, 0, 0, audio.Playhead())
