"""Turn detection: the ear that hears where the person's turns begin and end. No I/O; its clock is the audio it is fed.

It is vad's: Silero's voice activity with hysteresis and a minimum onset. `server_vad` ends a turn after a silence of
fixed length. `semantic_vad` asks how complete the turn sounds (Smart Turn) and waits the longer the less so, at most
as long as its eagerness allows: 8, 4 or 2 s for low, medium and high, as OpenAI documents.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from services.common.resampler import Resampler
from services.engine.protocol.detection_settings import Detection
from services.engine.protocol.formats import RATE_HZ
from services.vad.completeness import Context
from services.vad.detector import DetectorSettings, SpeechDetector
from services.vad.endpointing import JUDGED_MS, EndpointingSettings, Pause
from services.vad.memory import MicMemory
from services.vad.rhythm import Rhythm
from services.vad.silero import Silero, SileroModel
from services.vad.voice import SAMPLE_RATE_HZ, SAMPLES_PER_MS, VoiceWindow

_HYSTERESIS: Final = 0.15
"""By how much a window may fall below the threshold and still count as speech, once there is some: Silero's own."""
_LEAST: Final = 0.02
"""Below this no window ever falls."""

_EAGERNESS: Final = {
    "low": replace(EndpointingSettings.calm(), even_pause_ms=1_800, per_odds_ms=900, max_pause_ms=8_000),
    "medium": replace(EndpointingSettings.normal(), max_pause_ms=4_000),
    "high": replace(EndpointingSettings.eager(), max_pause_ms=2_000),
}
_BY_SILENCE: Final = EndpointingSettings()


@dataclass(frozen=True, slots=True)
class Started:
    """Speech began at this millisecond of the audio."""

    onset_ms: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """The turn is over, by the silence up to this millisecond of the audio."""

    end_ms: int


@dataclass(frozen=True, slots=True)
class Question:
    """Is this turn over, by its sound? `pcm` is PCM16LE at 16 kHz; answer with `judged`."""

    turn: int
    pause: int
    pcm: bytes


Boundary = Started | Stopped | Question


class TurnDetector:
    """One session's ear, from the sample of its audio on (24 kHz) at which detection was turned on."""

    def __init__(self, model: SileroModel, settings: Detection, start_samples: int) -> None:
        self._resampler = Resampler(RATE_HZ, SAMPLE_RATE_HZ, start_samples)
        self._memory = MicMemory(self._resampler.position)
        self._voice = Silero(model)
        self._voice.reset(self._resampler.position)
        self._rhythm = Rhythm()
        self._turn = 0
        self._pause: Pause | None = None  # of the turn that is open
        self._start = 0
        self._asked = False
        self._settings = settings
        self._detector = _detector(settings)

    def change(self, settings: Detection) -> None:
        """Go by other settings from now on; a turn that is open stays open, and ends as patiently as it began."""
        self._settings = settings
        if not self.is_open:
            self._detector = _detector(settings)

    @property
    def is_open(self) -> bool:
        """Whether the person is speaking."""
        return self._pause is not None

    def asked(self, is_question: bool) -> None:
        """The assistant's last words were a question, or not: a short answer to one is complete."""
        self._asked = is_question

    def feed(self, pcm: bytes) -> list[Boundary]:
        """Hear what comes next (PCM16LE, 24 kHz)."""
        heard = self._resampler.feed(pcm)
        self._memory.append(heard)
        found: list[Boundary] = []
        for window in self._voice.feed(heard):
            found += self._take(window)
        self._memory.forget_before(self._memory.end - JUDGED_MS * SAMPLES_PER_MS)
        return found

    def judged(self, turn: int, pause: int, complete: float | None) -> list[Boundary]:
        """Take the answer to a Question: p(complete), or None if there was no time. It may end the turn."""
        if self._pause is None or turn != self._turn:
            return []
        self._pause.judged(pause, complete)
        return self._stop() if self._is_over(self._pause) else []

    def rest(self) -> None:
        """The turn, if there is one, was ended by other means."""
        self._pause = None
        self._detector = _detector(self._settings)

    def _take(self, window: VoiceWindow) -> list[Boundary]:
        self._detector.feed(window)
        if self._pause is None:
            return self._begin() if self._detector.is_speaking else []
        ask = self._pause.feed(self._detector.silence_samples, self._detector.speech_samples)
        if self._is_over(self._pause) or self._pause.is_endless(window.end_sample - self._start):
            return self._stop()
        if ask is None or self._settings.eagerness is None:
            return []
        return [Question(self._turn, ask.pause, self._memory.slice(self._start, self._memory.end))]

    def _begin(self) -> list[Boundary]:
        self._turn += 1
        self._start = self._detector.onset - self._settings.prefix_ms * SAMPLES_PER_MS
        eagerness = self._settings.eagerness
        patience = _BY_SILENCE if eagerness is None else _EAGERNESS["medium" if eagerness == "auto" else eagerness]
        self._pause = Pause(patience, self._rhythm, Context(asked=self._asked))
        return [Started(self._detector.onset // SAMPLES_PER_MS)]

    def _is_over(self, pause: Pause) -> bool:
        silence = self._detector.silence_samples
        if self._settings.eagerness is None:
            return silence >= self._settings.silence_ms * SAMPLES_PER_MS
        return pause.is_over(silence)

    def _stop(self) -> list[Boundary]:
        self._rhythm.ended()
        end_ms = self._detector.now // SAMPLES_PER_MS
        self.rest()
        return [Stopped(end_ms)]


def _detector(settings: Detection) -> SpeechDetector:
    on = max(settings.threshold, _LEAST)
    return SpeechDetector(DetectorSettings(speech_on=on, speech_off=max(on - _HYSTERESIS, _LEAST)))
