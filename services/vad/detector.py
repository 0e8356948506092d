"""SpeechDetector: voice activity becomes speech that starts and stops, with hysteresis and a minimum onset."""

from __future__ import annotations

from dataclasses import dataclass

from services.vad.voice import SAMPLES_PER_MS, WINDOW_SAMPLES, VoiceWindow


@dataclass(frozen=True)
class DetectorSettings:
    """When sound counts as speech."""

    speech_on: float = 0.55
    """Probability from which a window starts speech."""
    speech_off: float = 0.35
    """Probability below which a window is not speech once it has started."""
    onset_ms: int = 96
    """Speech it takes before speech has started: clicks and knocks are shorter."""
    onset_gap_ms: int = 96
    """Silence after which the windows before no longer count towards an onset."""


class SpeechDetector:
    """Feed it windows; ask it what is going on. Offsets are samples of the microphone's clock."""

    def __init__(self, settings: DetectorSettings | None = None) -> None:
        self._settings = settings or DetectorSettings()
        self.is_speaking = False
        self.onset = 0
        """Where the present or last speech began."""
        self.last_speech = 0
        """Where the last speech-like window ended."""
        self.speech_samples = 0
        """Speech since the onset, pauses not counted."""
        self.now = 0
        self._counting = False

    @property
    def silence_samples(self) -> int:
        """How long it has been silent since the last speech-like window."""
        return self.now - self.last_speech

    def feed(self, window: VoiceWindow) -> None:
        """Take the next window of voice activity."""
        self.now = window.end_sample
        threshold = self._settings.speech_off if self._counting else self._settings.speech_on
        if window.probability >= threshold:
            self._hear(window)
        elif not self.is_speaking and self.silence_samples > self._settings.onset_gap_ms * SAMPLES_PER_MS:
            self._counting = False

    def _hear(self, window: VoiceWindow) -> None:
        if not self._counting:
            self._counting = True
            self.onset = max(window.end_sample - WINDOW_SAMPLES, 0)
            self.speech_samples = 0
        self.last_speech = window.end_sample
        self.speech_samples += WINDOW_SAMPLES
        if self.speech_samples >= self._settings.onset_ms * SAMPLES_PER_MS:
            self.is_speaking = True

    def hold(self, onset: int, until: int) -> None:
        """Count [onset, until) as speech that may go on: somebody surer than this has said so."""
        self.is_speaking = self._counting = True
        self.onset = min(onset, self.onset) if self.speech_samples else onset
        self.last_speech = max(self.last_speech, until)
        self.speech_samples = max(self.speech_samples, until - onset)

    def rest(self) -> None:
        """Forget the speech: the turn it belonged to is over. The next one needs an onset of its own."""
        self.is_speaking = self._counting = False
        self.speech_samples = 0
