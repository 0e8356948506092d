"""Examples: places in recordings where a turn was over, and where it was not, as the ear would be asked about them.

A recording of a whole turn gives one end, the silence after its last speech, and as many holds as there are pauses in
it. Holds are rare in read speech, so it is also broken off where the voice dips, as if a thought stopped there. Every
clip thus gives both kinds in the same voice and room, and nothing can be learned from voice or room. After the end, and
where it was broken off, goes on what the room sounds like when nobody speaks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.vad.detector import SpeechDetector
from services.vad.silero import Silero, SileroModel
from services.vad.voice import SAMPLES_PER_MS, WINDOW_SAMPLES
from training.turns.sound import Samples, room_tone

ASKED_MS: Final = (192, 288, 704)
"""Lengths of a pause at which the ear is asked: the windows in which production asks, and an eager one."""
PRE_ROLL_SAMPLES: Final = 300 * SAMPLES_PER_MS
TAIL_SAMPLES: Final = 900 * SAMPLES_PER_MS
BREAKS: Final = 2
"""How often a recording is broken off."""


@dataclass(frozen=True)
class Example:
    """A turn's audio up to a pause of a certain length."""

    samples: Samples
    is_end: bool
    is_natural: bool
    """False: the speech was broken off."""


def examples(model: SileroModel, recording: Samples, dice: np.random.Generator) -> Iterator[Example]:
    """Give the examples in a recording of a whole turn (16 kHz); none if nobody speaks in it."""
    heard = _Heard(model, recording)
    if heard.onset is None:
        return
    tone = room_tone(recording, TAIL_SAMPLES, dice)
    whole = np.concatenate([recording[: heard.end + 100 * SAMPLES_PER_MS], tone])
    yield from _asked(whole, heard.onset, heard.end, None, is_end=True, is_natural=True)
    for since, until in heard.pauses:
        yield from _asked(recording, heard.onset, since, until, is_end=False, is_natural=True)
    for place in _breaks(recording, heard.onset, heard.end, dice):
        broken = recording[:place].astype(np.float32)
        broken[-160:] *= np.linspace(1.0, 0.0, 160, dtype=np.float32)
        sound = np.concatenate([broken.astype(np.int16), tone])
        again = _Heard(model, sound)
        if again.onset is not None:
            yield from _asked(sound, again.onset, again.end, None, is_end=False, is_natural=False)


class _Heard:
    """Where production hears speech begin, pause and end."""

    def __init__(self, model: SileroModel, samples: Samples) -> None:
        detector = SpeechDetector()
        self.onset: int | None = None
        self.end = 0
        self.pauses: list[tuple[int, int]] = []
        for window in Silero(model).feed(samples.tobytes()):
            before = detector.last_speech
            detector.feed(window)
            if self.onset is not None and detector.last_speech - before > 3 * WINDOW_SAMPLES:
                self.pauses.append((before, detector.last_speech - WINDOW_SAMPLES))
            if detector.is_speaking:
                self.onset = detector.onset if self.onset is None else self.onset
                self.end = detector.last_speech


def _asked(
    samples: Samples, onset: int, since: int, until: int | None, *, is_end: bool, is_natural: bool
) -> Iterator[Example]:
    """Give a pause as it sounds at each length at which production would ask about it."""
    for asked_ms in ASKED_MS:
        now = since + asked_ms * SAMPLES_PER_MS
        if now <= (len(samples) if until is None else until):
            yield Example(samples[max(onset - PRE_ROLL_SAMPLES, 0) : now], is_end, is_natural)


def _breaks(samples: Samples, onset: int, end: int, dice: np.random.Generator) -> list[int]:
    """Choose places between the first quarter and the last tenth of the speech where the level dips."""
    step = 10 * SAMPLES_PER_MS
    frames = samples[: len(samples) // step * step].reshape(-1, step).astype(np.float32)
    level_db = np.convolve(10.0 * np.log10(np.square(frames).mean(axis=1) + 1.0), np.ones(3) / 3.0, "same")
    low = float(np.percentile(level_db[onset // step : end // step + 1], 35))
    first, last = (onset + (end - onset) // 4) // step, (onset + (end - onset) * 9 // 10) // step
    dips = [n for n in range(first, last) if level_db[n] < low and level_db[n] == _around(level_db, n).min()]
    order = dice.permutation(len(dips))[:BREAKS]
    return [dips[place] * step for place in order]


def _around(level_db: NDArray[np.floating], place: int) -> NDArray[np.floating]:
    return level_db[max(place - 12, 0) : place + 13]
