"""How interruptible a conversation is: what the interruption rule waits for, and how sure it must be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InterruptionSettings:
    """How interruptible. Durations of speech count voiced windows of 32 ms only, not the gaps between them."""

    speech_on: float = 0.4
    """Probability from which a window starts speech."""
    speech_off: float = 0.35
    """Probability below which a window is not speech once it has started."""
    duck_ms: int = 64
    """Speech after which the reply is ducked."""
    clear_duck_ms: int = 32
    """The same of a sound that stands clear of the room."""
    clear_db: float = 15.0
    """How far over the room's noise that is."""
    masked_word: float = 0.5
    """How much a single word counts when noise masks its hisses: it may have been "stop"."""
    masked_db: tuple[float, float] = (20.0, 28.0)
    """Clarity up to which it counts so much, and from which it counts nothing."""
    first_ms: int = 128
    """From here on, after the onset, content is asked: at 160 ms and every 64 ms after."""
    later_ms: int = 420
    """When it needs no more certainty than `sure_later`."""
    sure_first: float = 0.8
    """How likely it must be at first that the person wants the floor."""
    sure_later: float = 0.58
    """And later."""
    sure_over: float = 0.55
    """And when the sound is over: nothing more will come."""
    phrase_ms: int = 544
    """Speech that goes on this long needs less."""
    sure_phrase: float = 0.4
    """Namely this."""
    long_ms: int = 832
    """Speech that goes on this long needs next to nothing."""
    sure_long: float = 0.15
    """Namely this; a hum or music has less."""
    release_ms: int = 128
    """Silence after which the speech is over."""
    patience_ms: int = 800
    """A duck without a verdict releases itself after this."""

    def sure_at(self, elapsed_ms: float) -> float:
        """Return how likely it must be, so long after the onset, that the person wants the floor."""
        share = min(max((elapsed_ms - self.first_ms) / (self.later_ms - self.first_ms), 0.0), 1.0)
        return self.sure_first + share * (self.sure_later - self.sure_first)

    def masked(self, clarity_db: float) -> float:
        """Return how much a single word counts that stood so clear of the room's noise."""
        masked, clear = self.masked_db
        return self.masked_word * min(max((clear - clarity_db) / (clear - masked), 0.0), 1.0)

    @classmethod
    def low(cls) -> InterruptionSettings:
        """Hard to interrupt: for announcements and noisy places."""
        return cls(sure_first=0.93, sure_later=0.8, sure_over=0.75, phrase_ms=640, sure_phrase=0.55, sure_long=0.35)

    @classmethod
    def normal(cls) -> InterruptionSettings:
        """The default."""
        return cls()

    @classmethod
    def high(cls) -> InterruptionSettings:
        """Easy to interrupt: a few backchannels will, too."""
        return cls(sure_first=0.7, sure_later=0.48, sure_over=0.45, phrase_ms=448, sure_phrase=0.3)
