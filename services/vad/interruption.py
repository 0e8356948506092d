"""The interruption rule: while the assistant is audible, does the person want the floor?

Two steps, so that it feels instant and is still right. A speech-like onset *ducks* the reply, which is cheap to
undo. Then the sound itself decides: speech that goes on, or a short word that begins with a sharp hiss like "stop",
*cancels* the reply; a hum, a single syllable, a cough or noise *releases* it. Nothing here knows a clock, a socket or
a word: time is the microphone's sample count, and the evidence is voice activity and articulation.

Why these cues: among short sounds, duration alone cannot tell "stop" (about half a second, of which the first fifth is
hiss that voice activity does not count) from "yeah"; the hiss can. Phrases need time only, but a drawn-out "yeah"
takes as long: what tells it is that it dies away while a phrase goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from services.vad.articulation import Articulation
from services.vad.voice import SAMPLES_PER_MS, WINDOW_SAMPLES, VoiceWindow


class Decision(Enum):
    """What to do with the reply that is being heard."""

    DUCK = "duck"
    """Lower it: somebody may be starting to speak."""
    CANCEL = "cancel"
    """End it: the person wants the floor."""
    RELEASE = "release"
    """Bring it back to full level: it was nothing."""


class Why(Enum):
    """What a verdict rests on."""

    ONSET = "onset"
    """DUCK: a speech-like onset."""
    WORD = "word"
    """CANCEL: a short word that began with a sharp hiss, as "stop" does."""
    PHRASE = "phrase"
    """CANCEL: speech that goes on."""
    BACKCHANNEL = "backchannel"
    """RELEASE: voiced, and over before it became a phrase; or a hum of any length."""
    NOISE = "noise"
    """RELEASE: speech-like for a moment, but without a voice."""
    SHORT = "short"
    """RELEASE: over right after the onset."""


@dataclass(frozen=True)
class Verdict:
    """One step of a decision. An onset gets one DUCK and after it one CANCEL or one RELEASE."""

    decision: Decision
    why: Why
    onset_sample: int
    """Where the speech began, on the microphone's clock. A hiss that came before the voice lies before it."""
    at_sample: int
    """How much of the microphone had been heard when this was decided."""


@dataclass(frozen=True)
class InterruptionSettings:
    """The rule's few parameters. Durations of speech count voiced windows of 32 ms only, not the gaps between them."""

    speech_on: float = 0.5
    """Probability from which a window starts speech."""
    speech_off: float = 0.35
    """Probability below which a window is not speech once it has started."""
    duck_ms: int = 128
    """Speech after which the reply is ducked."""
    word_ms: int = 256
    """Speech after which a word that began with a hiss cancels."""
    word_hiss_ms: int = 40
    """Sharp hiss that such a word begins with."""
    phrase_ms: int = 544
    """Speech after which anything cancels but a hum or a sound that is dying away."""
    fade_db: float = 24.0
    """Fall from the loudest frame to the present one from which a sound is dying away: it may be over any moment."""
    hum_share: float = 0.8
    """Share of hum-like frames from which a sound is a hum, however long."""
    release_ms: int = 128
    """Silence after which the speech is over."""
    patience_ms: int = 800
    """A duck without a verdict releases itself after this."""


HISS_LEAD_MS = 250
"""How far before the voice a word's first hiss may begin."""
HISS_LAG_MS = 60
"""How far into the voice it may reach: voice activity often rises before the hiss ends."""
NOISE_VOICED_SHARE = 0.3
"""Less pitch than this among the loud frames is noise."""


@dataclass
class _Onset:
    """Speech that is going on, or has just stopped."""

    sample: int
    last_speech_sample: int
    speech_samples: int
    ducked_at: int | None = None
    decided: bool = False


class InterruptionRule:
    """The rule for one conversation. Feed it only while the assistant is audible; `reset()` when it becomes so."""

    def __init__(self, settings: InterruptionSettings | None = None) -> None:
        """Begin in silence, at sample 0 of the microphone's clock."""
        self._settings = settings or InterruptionSettings()
        self._articulation = Articulation()
        self.reset()

    def reset(self, at_sample: int = 0) -> None:
        """Forget everything heard; the next frame begins at `at_sample`."""
        self._articulation.reset(at_sample)
        self._onset: _Onset | None = None
        self._heard_until = at_sample

    def hear(self, pcm: bytes) -> None:
        """Take one frame of 20 ms (640 bytes) for the articulation cue, before the windows that it completes.

        Raises `ValueError` for any other length.
        """
        self._articulation.feed(pcm)

    def feed(self, window: VoiceWindow) -> Verdict | None:
        """Take the next window of voice activity; return a verdict if it brought one.

        A window that starts later than the last one ended counts the time between as silence. Raises `ValueError` if
        it ends no later than the last one.
        """
        if window.end_sample <= self._heard_until:
            raise ValueError(f"window ends at sample {window.end_sample}, but {self._heard_until} was heard already")
        self._heard_until = window.end_sample
        self._follow(window)
        onset = self._onset
        if onset is None:
            return None
        over = window.end_sample - onset.last_speech_sample >= self._settings.release_ms * SAMPLES_PER_MS
        if over:
            self._onset = None
        return self._judge(onset, over)

    def _follow(self, window: VoiceWindow) -> None:
        """Count the window as speech or not, with hysteresis."""
        if self._onset is None:
            if window.probability >= self._settings.speech_on:
                start = max(0, window.end_sample - WINDOW_SAMPLES)
                self._onset = _Onset(start, window.end_sample, WINDOW_SAMPLES)
        elif window.probability >= self._settings.speech_off:
            self._onset.last_speech_sample = window.end_sample
            self._onset.speech_samples += WINDOW_SAMPLES

    def _judge(self, onset: _Onset, over: bool) -> Verdict | None:
        """Take the next step for an onset: nothing, duck, or decide."""
        if onset.decided:
            return None
        if onset.ducked_at is None:
            if over or onset.speech_samples < self._settings.duck_ms * SAMPLES_PER_MS:
                return None
            onset.ducked_at = self._heard_until
            return Verdict(Decision.DUCK, Why.ONSET, onset.sample, self._heard_until)
        decided = self._decide(onset, onset.ducked_at, over)
        if decided is None:
            return None
        onset.decided = True
        return Verdict(*decided, onset.sample, self._heard_until)

    def _decide(self, onset: _Onset, ducked_at: int, over: bool) -> tuple[Decision, Why] | None:
        settings = self._settings
        speech_ms = onset.speech_samples // SAMPLES_PER_MS
        if speech_ms >= settings.word_ms and self._began_with_hiss(onset):
            return Decision.CANCEL, Why.WORD
        if speech_ms >= settings.phrase_ms and self._goes_on(onset):
            return Decision.CANCEL, Why.PHRASE
        if over or self._heard_until - ducked_at >= settings.patience_ms * SAMPLES_PER_MS:
            return Decision.RELEASE, self._why_released(onset)
        return None

    def _began_with_hiss(self, onset: _Onset) -> bool:
        since = onset.sample - HISS_LEAD_MS * SAMPLES_PER_MS
        until = onset.sample + HISS_LAG_MS * SAMPLES_PER_MS
        return self._articulation.evidence(since, until).hiss_ms >= self._settings.word_hiss_ms

    def _goes_on(self, onset: _Onset) -> bool:
        evidence = self._articulation.evidence(onset.sample, self._heard_until)
        return evidence.hum < self._settings.hum_share and evidence.fade_db < self._settings.fade_db

    def _why_released(self, onset: _Onset) -> Why:
        evidence = self._articulation.evidence(onset.sample, onset.last_speech_sample)
        if evidence.voiced_ms < NOISE_VOICED_SHARE * evidence.loud_ms:
            return Why.NOISE
        if onset.speech_samples < (self._settings.duck_ms + 32) * SAMPLES_PER_MS:
            return Why.SHORT
        return Why.BACKCHANNEL
