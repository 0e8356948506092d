"""Endpointing: how long a pause it takes to end a turn.

A pause that is not the end passes; how many are still going on falls off about exponentially with their length. The
turn should end when the harm of cutting in, times the chance that the person goes on, no longer outweighs the waiting.
That makes the wait shorter, in a straight line, as the odds of an end (`completeness.py`) grow: `even_pause_ms` at even
odds, `per_odds_ms` less for each unit of log odds, within two bounds. That line is the patience.

The model is asked twice at most. A pause is evidence, too, so the second judgement counts as well as the first; and a
turn that is about to end is not judged again, because a judgement costs as much as a second of everything else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from services.vad.completeness import ANSWER, ANSWER_MS, Context, ends, log_odds, probability
from services.vad.rhythm import Rhythm
from services.vad.voice import SAMPLES_PER_MS, WINDOW_SAMPLES
from services.vad.wording import wording

JUDGED_MS: Final = 8_000
"""How much of a turn the end-of-turn model hears."""
BREATH_MS: Final = 96
"""A silence as long as this is a breath, at least."""


@dataclass(frozen=True)
class EndpointingSettings:
    """How patient; `calm`, `normal` and `eager` are three that were measured together."""

    min_pause_ms: int = 380
    """Pause that ends a turn that is surely complete."""
    max_pause_ms: int = 1_500
    """Pause that ends a turn that is surely not."""
    even_pause_ms: int = 900
    """Pause that ends a turn that is as likely over as not."""
    per_odds_ms: int = 600
    """How much shorter it gets for each unit of log odds: the time constant with which pauses pass."""
    unjudged_pause_ms: int = 800
    """Pause that ends a turn of which nothing is known: the model could not judge it in time."""
    ask_at_ms: tuple[int, ...] = (280, 680)
    """Lengths of a pause at which the model is asked."""
    soon_ms: int = 150
    """A turn that is to end within this is not judged again."""
    max_turn_ms: int = 60_000
    """A turn is ended after this, whatever is heard."""
    max_breathless_ms: int = 20_000
    """A turn is ended after this without a breath: nobody speaks so, but hold music and a room full of people do."""

    @classmethod
    def calm(cls) -> EndpointingSettings:
        """For people who think aloud: no turn ends before half a second of silence."""
        return cls(min_pause_ms=500, max_pause_ms=2_500, even_pause_ms=1_300, per_odds_ms=500, unjudged_pause_ms=1_200)

    @classmethod
    def normal(cls) -> EndpointingSettings:
        """The default."""
        return cls()

    @classmethod
    def eager(cls) -> EndpointingSettings:
        """For brisk exchanges: a turn may end after 200 ms, and people are cut off more often."""
        return cls(
            min_pause_ms=200,
            max_pause_ms=1_000,
            even_pause_ms=500,
            per_odds_ms=300,
            unjudged_pause_ms=500,
            ask_at_ms=(160, 500),
        )

    def pause_ms(self, odds: float | None) -> float:
        """Return the pause that ends a turn with these log odds of being over (None: nothing is known)."""
        if odds is None:
            return self.unjudged_pause_ms
        return min(max(self.even_pause_ms - self.per_odds_ms * odds, self.min_pause_ms), self.max_pause_ms)


@dataclass(frozen=True)
class Ask:
    """The end-of-turn model should judge the turn as it stands; answer with this pause's number."""

    pause: int


@dataclass
class Pause:
    """Follows one turn's pauses. Feed it the length of the silence; it asks, and says when the turn is over."""

    settings: EndpointingSettings = field(default_factory=EndpointingSettings)
    rhythm: Rhythm = field(default_factory=Rhythm)
    """This person's pauses; every turn of a conversation shares it."""
    context: Context = field(default_factory=Context)
    """What else is known of the turn; replace it whenever more is."""
    number: int = 0
    heard: list[float] = field(default_factory=list)
    """What the model said of this pause, p(complete) each time it was asked."""
    speech_ms: float = 0.0
    _due: int = 0
    _asked: int = 0
    _silence_ms: int = 0
    _breathless_ms: float = 0.0

    @property
    def complete(self) -> float | None:
        """p(complete) by all that is known, None if nothing is."""
        return None if (odds := self.odds) is None else probability(odds)

    @property
    def odds(self) -> float | None:
        """The same as log odds."""
        return ends(self.heard, self.rhythm, self.context, self.speech_ms)

    def feed(self, silence_samples: int, speech_samples: int = 0) -> Ask | None:
        """Take the length of the present silence and of the turn's speech, after each window; return what to ask."""
        before_ms, self._silence_ms = self._silence_ms, silence_samples // SAMPLES_PER_MS
        self.speech_ms = speech_samples / SAMPLES_PER_MS
        self._breathe()
        if self._silence_ms < self.settings.ask_at_ms[0]:
            if before_ms >= self.settings.ask_at_ms[0]:
                self._go_on()
            return None
        self._due = sum(1 for at_ms in self.settings.ask_at_ms if self._silence_ms >= at_ms)
        is_ending = self.pause_ms <= self._silence_ms + self.settings.soon_ms
        if self._due <= self._asked or is_ending:
            return None  # one that is left out is made good if a late judgement says that the turn is not over
        self._asked = self._due
        return Ask(self.number)

    def judged(self, pause: int, complete: float | None) -> None:
        """Take a judgement, p(complete); one about an earlier pause is ignored."""
        if pause == self.number and complete is not None:
            self.heard.append(complete)

    @property
    def pause_ms(self) -> float:
        """The pause that ends the turn, as things stand."""
        return self.settings.pause_ms(self.odds)

    def evidence(self) -> dict[str, float]:
        """Return what decides this pause, for traces: each in log odds, but for the pause that ends the turn."""
        known = {"needed_pause_ms": self.pause_ms, "rhythm": self.rhythm.ends}
        known |= {f"judgement_{number}": log_odds(heard) for number, heard in enumerate(self.heard, 1)}
        if self.context.words:
            known["wording"] = wording(self.context.words, self.context.language)
        if self.context.model_stopped:
            known["model_ear"] = self.context.model_stopped
        if self.context.asked:
            known["question_asked"] = ANSWER * max(1.0 - self.speech_ms / ANSWER_MS, 0.0)
        return {name: round(value, 2) for name, value in known.items()}

    def is_over(self, silence_samples: int) -> bool:
        """Say whether the turn is over after this much silence."""
        return self._due > 0 and silence_samples >= self.pause_ms * SAMPLES_PER_MS

    def is_endless(self, turn_samples: int) -> bool:
        """Say whether a turn of this length, silent or not, has to be ended anyhow."""
        is_breathless = self._breathless_ms > self.settings.max_breathless_ms
        return is_breathless or turn_samples > self.settings.max_turn_ms * SAMPLES_PER_MS

    def _go_on(self) -> None:
        """The person speaks again: what was asked about the pause no longer counts, but that it was one does."""
        self.rhythm.went_on()
        self.number += 1
        self._due, self._asked, self.heard = 0, 0, []

    def _breathe(self) -> None:
        self._breathless_ms += WINDOW_SAMPLES / SAMPLES_PER_MS
        if self._silence_ms >= BREATH_MS:
            self._breathless_ms = 0.0
