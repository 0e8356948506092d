"""Person: who speaks when in one conversation of the load. A frame of 20 ms at a time; no I/O, no clock but frames."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tests.load import tape
from tests.load.voice import FRAME_SAMPLES, Utterance, Voice

_FRAME_S: Final = 0.02
_SETTLE_S: Final = (0.3, 2.5)
"""How long people are silent before their first turn: they do not all begin at once."""

_BARGE_IN_AFTER_S: Final = 1.5
_PATIENCE_S: Final = 8.0
"""A reply that has not begun by then does not come."""

_YIELD_S: Final = 1.5
"""A barge-in that has not silenced the reply by then, after its end, was ignored."""


@dataclass(frozen=True)
class Habits:
    """How somebody listens."""

    barge_in_every: int = 3
    """Every so many replies are spoken over; 0: none is."""
    hears_out_s: float | None = None
    """After so much of a reply they press the key that ends it; None: they hear it out."""
    pause_s: tuple[float, float] = (0.3, 0.9)
    """How long they are silent between a reply and their next turn, from … to."""


IN_A_CROWD: Final = Habits()
AT_A_TALK: Final = Habits(barge_in_every=0, hears_out_s=0.8, pause_s=(0.4, 0.8))
"""Questions one after another, to time as many answers as a minute holds; nobody talks over anybody."""


class Phase(Enum):
    """What the person does."""

    PAUSE = "pause"
    SPEAKING = "speaking"
    WAITING = "waiting"
    """for the reply"""
    LISTENING = "listening"


class Person:
    """Speaks, waits for the reply, listens as is their habit, pauses, speaks again."""

    def __init__(self, voice: Voice, seed: int, habits: Habits = IN_A_CROWD) -> None:
        self.unanswered = 0
        self.ignored_barge_ins = 0
        self.utterances: list[tape.Utterance] = []
        self.phase = Phase.PAUSE
        self._voice = voice
        self._habits = habits
        self._to_say: list[Utterance] = []
        self._random = random.Random(seed)
        self._room = self._random.randrange(len(voice.room))
        self._frame = 0
        self._since = 0
        self._pause_s = self._random.uniform(*_SETTLE_S)
        self._saying: Utterance | None = None
        self._said = 0
        self._heard_replies = seed % max(habits.barge_in_every, 1)
        self._barged_in = False
        self._presses = False

    def frame(self, audible: bool) -> bytes:
        """Return what the microphone picks up in the next 20 ms; `audible` is whether a reply can be heard."""
        self._advance(audible)
        self._frame += 1
        if self._saying is not None:
            self._said += 1
            return self._saying.frames[self._said - 1]
        return self._voice.room[(self._room + self._frame) % len(self._voice.room)]

    def presses_the_key(self) -> bool:
        """Say whether the person ends the reply by hand just now: once for each reply."""
        presses, self._presses = self._presses, False
        return presses

    def _advance(self, audible: bool) -> None:
        waited_s = (self._frame - self._since) * _FRAME_S
        match self.phase:
            case Phase.PAUSE if waited_s >= self._pause_s:
                self._say(self._next_turn(), is_barge_in=False)
            case Phase.SPEAKING if self._saying is not None and self._said == len(self._saying.frames):
                self._saying = None
                self._enter(Phase.LISTENING if audible and self._barged_in else Phase.WAITING)
            case Phase.WAITING if audible:
                self._heard_replies += 1
                self._barged_in = False
                self._enter(Phase.LISTENING)
            case Phase.WAITING if waited_s > _PATIENCE_S:
                self.unanswered += 1
                self._pause()
            case Phase.LISTENING:
                self._listen(audible, waited_s)

    def _listen(self, audible: bool, waited_s: float) -> None:
        if not audible:
            self._enter(Phase.WAITING) if self._barged_in else self._pause()
        elif self._barged_in:
            if waited_s > _YIELD_S:
                self.ignored_barge_ins += 1
                self._barged_in = False
                self._heard_replies += 1  # not the same reply again
        elif self._is_to_be_cut and waited_s > _BARGE_IN_AFTER_S:
            self._barged_in = True
            self._say(self._random.choice(self._voice.barge_ins), is_barge_in=True)
        elif (enough_s := self._habits.hears_out_s) is not None:
            self._presses = self._frame - self._since == round(enough_s / _FRAME_S)

    @property
    def _is_to_be_cut(self) -> bool:
        return self._habits.barge_in_every > 0 and self._heard_replies % self._habits.barge_in_every == 0

    def _next_turn(self) -> Utterance:
        """Choose what is said next: each turn once, in an order of this person's own, before any is said again."""
        if not self._to_say:
            self._to_say = self._random.sample(self._voice.turns, len(self._voice.turns))
        return self._to_say.pop()

    def _say(self, utterance: Utterance, *, is_barge_in: bool) -> None:
        start = self._frame * FRAME_SAMPLES
        self.utterances.append(tape.Utterance(start, start + utterance.end, is_barge_in))
        self._saying, self._said = utterance, 0
        self._enter(Phase.SPEAKING)

    def _pause(self) -> None:
        self._pause_s = self._random.uniform(*self._habits.pause_s)
        self._enter(Phase.PAUSE)

    def _enter(self, phase: Phase) -> None:
        self.phase, self._since = phase, self._frame
