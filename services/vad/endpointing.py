"""Endpointing: how long a pause it takes to end a turn.

At each pause the end-of-turn model says how complete the turn sounds; the surer it is, the shorter the pause that
ends the turn. Two settings bound it. The model is asked once more if the pause grows, because a pause is evidence too,
and not when the turn is about to end anyway: a judgement costs as much as a second of everything else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from services.vad.voice import SAMPLES_PER_MS

JUDGED_MS: Final = 8_000
"""How much of a turn the end-of-turn model hears."""


@dataclass(frozen=True)
class EndpointingSettings:
    """The two settings, and when to ask."""

    min_pause_ms: int = 250
    """Pause that ends a turn that is surely complete."""
    max_pause_ms: int = 2_500
    """Pause that ends a turn that is surely not."""
    unjudged_pause_ms: int = 800
    """Pause that ends a turn the model could not judge in time."""
    ask_at_ms: tuple[int, ...] = (200, 600)
    """Lengths of a pause at which the model is asked: a judgement costs 15 to 25 ms of CPU, so seldom."""
    soon_ms: int = 150
    """A turn that is to end within this is not judged again."""
    sure: float = 0.8
    """p(complete) from which the pause is the shortest."""
    unsure: float = 0.3
    """p(complete) below which the pause grows towards the longest. Hearing 5 s, the model is less sure than with 8."""
    unsure_pause_ms: int = 700
    """Pause at `unsure`."""
    max_turn_ms: int = 60_000
    """A turn is ended after this, so that hold music can't hold it open for ever."""

    def pause_ms(self, complete: float | None) -> float:
        """Return the pause that ends a turn judged `complete` (0 to 1, None: not judged)."""
        if complete is None:
            return self.unjudged_pause_ms
        if complete >= self.unsure:
            share = min((complete - self.unsure) / (self.sure - self.unsure), 1.0)
            return self.unsure_pause_ms + share * (self.min_pause_ms - self.unsure_pause_ms)
        share = 1 - complete / self.unsure
        return self.unsure_pause_ms + share * (self.max_pause_ms - self.unsure_pause_ms)


@dataclass(frozen=True)
class Ask:
    """The end-of-turn model should judge the turn as it stands; answer with this pause's number."""

    pause: int


@dataclass
class Pause:
    """Follows one turn's pauses. Feed it the length of the silence; it asks, and says when the turn is over."""

    settings: EndpointingSettings = field(default_factory=EndpointingSettings)
    number: int = 0
    complete: float | None = None
    _asked: int = 0
    _answered: bool = False
    _silent: bool = False

    def feed(self, silence_samples: int) -> Ask | None:
        """Take the length of the present silence; return what to ask, if anything."""
        silence_ms = silence_samples // SAMPLES_PER_MS
        if silence_ms < self.settings.ask_at_ms[0]:
            if self._silent:  # speech again: what was asked about the pause no longer counts
                self.number += 1
                self._asked, self._silent, self._answered, self.complete = 0, False, False, None
            return None
        self._silent = True
        due = sum(1 for at_ms in self.settings.ask_at_ms if silence_ms >= at_ms)
        if due <= self._asked:
            return None
        self._asked = due
        is_ending = self._answered and self.settings.pause_ms(self.complete) <= silence_ms + self.settings.soon_ms
        return None if is_ending else Ask(self.number)

    def judged(self, pause: int, complete: float | None) -> None:
        """Take a judgement; one about an earlier pause is ignored."""
        if pause == self.number and complete is not None:
            self.complete = complete
            self._answered = True

    def is_over(self, silence_samples: int) -> bool:
        """Say whether the turn is over after this much silence."""
        return self._silent and silence_samples >= self.settings.pause_ms(self.complete) * SAMPLES_PER_MS
