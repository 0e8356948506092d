"""The interruption rule: while the assistant is audible, does the person want the floor?

Two steps, so that it feels instant and is still right. A speech-like onset *ducks* the reply, which is cheap to undo.
Then what is being said decides, every 64 ms: an interrupting word or a phrase *cancels* the reply; a backchannel, a
single word, a cough or noise *releases* it. The longer the sound, the less it takes: at first only what is beyond doubt
cancels, and speech that goes on and on needs nothing but not to be a hum. Nothing here knows a clock or a socket: time
is the microphone's sample count, and the evidence is voice activity, loudness and content.

Why content: among short sounds duration tells nothing ("stop" lasts as long as "yeah"), and no rule on how a sound was
made told more than one word from the rest. docs/turn-taking.md has the figures.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from services.vad.content.head import Moment
from services.vad.content.listener import HEARD_SAMPLES, Opinion
from services.vad.interruption_settings import InterruptionSettings
from services.vad.loudness import Loudness
from services.vad.voice import SAMPLES_PER_MS, WINDOW_SAMPLES, VoiceWindow, samples_of


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
    """CANCEL: an interrupting word."""
    PHRASE = "phrase"
    """CANCEL: speech that goes on."""
    BACKCHANNEL = "backchannel"
    """RELEASE: a listening sound, or a single word that asks for nothing."""
    NOISE = "noise"
    """RELEASE: no speech: a cough, a laugh, noise."""
    TIMEOUT = "timeout"
    """RELEASE: it went on without becoming clear. Should it become clear yet, it cancels."""


@dataclass(frozen=True)
class Verdict:
    """One step of a decision, and what it rests on. An onset gets one DUCK and after it a CANCEL or a RELEASE."""

    decision: Decision
    why: Why
    onset_sample: int
    """Where the voice began, on the microphone's clock."""
    at_sample: int
    """How much of the microphone had been heard when this was decided."""
    opinion: Opinion | None = None
    """What was said, as far as it was heard."""
    clarity_db: float = 0.0
    """How far the sound stood over the room's noise."""

    @property
    def confidence(self) -> float:
        """How sure this is, 0…1."""
        if self.opinion is None:
            return 0.0
        return self.opinion.floor if self.decision is Decision.CANCEL else 1.0 - self.opinion.floor


class Listener(Protocol):
    """What hears content; `ContentListener` is one."""

    def hear(self, samples: NDArray[np.int16], moment: Moment) -> Opinion:
        """Return an opinion on the last 0.8 s at this moment of the sound."""
        ...


JUDGED_EVERY_WINDOWS: Final = 2
_STILL_MS: Final = 64
"""Silence within which speech still counts as going on."""
_OVER_MS: Final = 96
"""Silence from which a sound seems to be over."""
_FRAME_SAMPLES: Final = 320
ECHO_DB: Final = -6.0
"""Of a frame that holds more echo than this, ingress says, nothing tells who speaks."""


@dataclass
class _Onset:
    """Speech that is going on, or has just stopped."""

    sample: int
    started: int
    """The end of its first window: what the content model counts from."""
    last_speech_sample: int
    speech_samples: int
    windows: int = 0
    voice: float = 0.0
    """Sum of the probabilities."""
    loudest_db: float = -100.0
    ducked_at: int | None = None
    done: bool = False
    """Cancelled, or over and released."""
    timed_out: bool = False
    floor: float | None = None
    """The last opinion's, to be averaged with the next."""
    opinion: Opinion | None = None


class InterruptionRule:
    """The rule for one conversation. Feed it only while the assistant is audible; `reset()` when it becomes so."""

    def __init__(
        self, listener: Listener, loudness: Loudness | None = None, settings: InterruptionSettings | None = None
    ) -> None:
        """Begin in silence, at sample 0 of the microphone's clock. `loudness` is fed by its owner, before `hear`."""
        self._settings = settings or InterruptionSettings()
        self._listener = listener
        self.loudness = loudness or Loudness()
        self._frames: deque[bytes] = deque(maxlen=HEARD_SAMPLES // _FRAME_SAMPLES + 2)
        self.reset()

    def reset(self, at_sample: int = 0) -> None:
        """Forget everything heard; the next frame begins at `at_sample`."""
        self._frames.clear()
        self._frames_end = at_sample
        self._onset: _Onset | None = None
        self._heard_until = at_sample
        self._echo_db: float | None = None

    def hear(self, pcm: bytes, echo_db: float | None = None) -> None:
        """Take one frame of 20 ms (640 bytes), before the windows that it completes, and how much of it is echo.

        Raises `ValueError` for any other length.
        """
        if len(pcm) != 2 * _FRAME_SAMPLES:
            raise ValueError(f"a frame has {2 * _FRAME_SAMPLES} bytes (20 ms at 16 kHz), not {len(pcm)}")
        self._frames.append(pcm)
        self._frames_end += _FRAME_SAMPLES
        self._echo_db = echo_db

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
        verdict = None if onset.done else self._judge(onset, over, window.probability)
        if over:
            self._onset = None
        return verdict

    def _follow(self, window: VoiceWindow) -> None:
        """Count the window as speech or not, with hysteresis; one that may be echo or the room is none."""
        probability = window.probability
        loudness = self.loudness
        if self._onset is None:
            if probability < self._settings.speech_on:
                return
            if loudness.level_db < loudness.needed_db() or (self._echo_db is not None and self._echo_db > ECHO_DB):
                loudness.overhear()
                return
            start = max(0, window.end_sample - WINDOW_SAMPLES)
            self._onset = _Onset(start, window.end_sample, window.end_sample, 0, 0)
        onset = self._onset
        onset.windows += 1
        onset.voice += probability
        onset.loudest_db = max(onset.loudest_db, loudness.level_db)
        if probability >= self._settings.speech_off:
            onset.last_speech_sample = window.end_sample
            onset.speech_samples += WINDOW_SAMPLES

    def _judge(self, onset: _Onset, over: bool, probability: float) -> Verdict | None:
        """Take the next step for an onset: nothing, duck, or decide."""
        settings = self._settings
        if onset.ducked_at is None:
            is_clear = self._clarity_db(onset) >= settings.clear_db
            needed_ms = settings.clear_duck_ms if is_clear else settings.duck_ms
            if over or onset.speech_samples < needed_ms * SAMPLES_PER_MS:
                return None
            onset.ducked_at = self._heard_until
            return self._verdict(Decision.DUCK, Why.ONSET, onset)
        elapsed_ms = (self._heard_until - onset.started) / SAMPLES_PER_MS
        asks = elapsed_ms >= settings.first_ms and onset.windows % JUDGED_EVERY_WINDOWS == 0
        if (asks or over) and self._wants_floor(onset, elapsed_ms, over, probability):
            onset.done = True
            opinion = onset.opinion
            is_word = opinion is not None and opinion.command > opinion.phrase
            return self._verdict(Decision.CANCEL, Why.WORD if is_word else Why.PHRASE, onset)
        if over:
            onset.done = True
            return None if onset.timed_out else self._verdict(Decision.RELEASE, self._why_released(onset), onset)
        if not onset.timed_out and self._heard_until - onset.ducked_at >= settings.patience_ms * SAMPLES_PER_MS:
            onset.timed_out = True
            return self._verdict(Decision.RELEASE, Why.TIMEOUT, onset)
        return None

    def _wants_floor(self, onset: _Onset, elapsed_ms: float, over: bool, probability: float) -> bool:
        """Ask what is being said, and weigh it against how long it has been going on."""
        settings = self._settings
        speech_ms = onset.speech_samples / SAMPLES_PER_MS
        silence_ms = (self._heard_until - onset.last_speech_sample) / SAMPLES_PER_MS
        moment = Moment(elapsed_ms, speech_ms, silence_ms, onset.voice / onset.windows, probability)
        opinion = onset.opinion = self._listener.hear(self._sound(), moment)
        now = opinion.floor + settings.masked(self._clarity_db(onset)) * opinion.single_word
        before, onset.floor = onset.floor, now
        floor = now if before is None else (before + now) / 2
        needed = settings.sure_at(elapsed_ms)
        if over or silence_ms >= _OVER_MS:
            needed = min(needed, settings.sure_over)
        elif silence_ms <= _STILL_MS and speech_ms >= settings.long_ms:
            needed = settings.sure_long
        elif silence_ms <= _STILL_MS and speech_ms >= settings.phrase_ms:
            needed = min(needed, settings.sure_phrase)
        return floor >= needed

    def _sound(self) -> NDArray[np.int16]:
        """Return the last 0.8 s up to the window's end; silence where nothing was heard yet."""
        samples = samples_of(b"".join(self._frames))
        samples = samples[: len(samples) - (self._frames_end - self._heard_until)]
        missing = HEARD_SAMPLES - len(samples)
        return samples[-HEARD_SAMPLES:] if missing <= 0 else np.pad(samples, (missing, 0))

    def _why_released(self, onset: _Onset) -> Why:
        opinion = onset.opinion
        return Why.NOISE if opinion is None or opinion.noise > 0.5 else Why.BACKCHANNEL

    def _clarity_db(self, onset: _Onset) -> float:
        return onset.loudest_db - self.loudness.floor_db

    def _verdict(self, decision: Decision, why: Why, onset: _Onset) -> Verdict:
        return Verdict(decision, why, onset.sample, self._heard_until, onset.opinion, round(self._clarity_db(onset), 1))
