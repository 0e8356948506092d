"""Levels: what the canceller achieves, frame by frame: how much it takes away, how much echo it is thought to leave."""

from __future__ import annotations

from dataclasses import dataclass
from math import log10
from typing import Final

import numpy as np
from numpy.typing import NDArray

FLOOR_DB: Final = -96.0
"""Silence, in dB of full scale."""

LEAST_RESIDUAL_DB: Final = -60.0
"""So far below what is left of a frame, an echo matters to nobody."""

_FAR_DB: Final = -45.0
"""A reference at least so loud says something about its echo."""

_OVER_NOISE_DB: Final = 15.0
"""A microphone frame less far above the noise can't become much quieter, and its echo troubles nobody."""

_DECAY_DB: Final = 0.05
"""Per millisecond: an echo is taken to fade by 50 dB a second (T60 1.2 s), whatever the room."""

_NOISE_RISE_DB: Final = 0.001
"""Per millisecond: so fast the estimate of the noise climbs where nothing is quieter."""

_LEAK_SHARE: Final = 0.7
"""The residual is above the estimate in three frames of ten."""

_LEAK_STEP_DB: Final = 0.1
"""Step of the estimate once it is settled: it rises by 3.5 dB a second at most, so a person hardly moves it."""

_PERSON_DB: Final = 6.0
"""A frame loses less than this where the canceller mostly takes 10 dB and more: then somebody speaks, and it says
nothing about the echo."""

Samples = NDArray[np.int16]


def level_db(wave: Samples) -> float:
    """Return the level of [n] in dB of full scale."""
    samples = wave.astype(np.float32)
    power = float(samples.dot(samples)) / len(samples) / 32_768.0**2
    return max(10.0 * log10(power + 1e-12), FLOOR_DB)


@dataclass(frozen=True, slots=True)
class Levels:
    """Of one frame, in dB."""

    reduction: float
    """By how much the frame became quieter."""
    is_loud: bool
    """Whether the reference, and the microphone over its noise, were loud enough for that to say something."""
    residual: float
    """Level of the echo that may be left, against that of what is left of the frame; 0: all of it may be echo."""


class LevelMeter:
    """One session's. It learns from the frames themselves, so it begins careful: all that is left may be echo."""

    def __init__(self) -> None:
        self._echo_db = FLOOR_DB
        self._noise_db = -50.0
        self._leak_db = 0.0
        self.typical_reduction_db = 0.0
        """Median of the reduction in the last loud frames, about a second of them."""
        self._seen = 0

    def measure(self, near: Samples, clean: Samples, far: Samples) -> Levels:
        """Take a frame of the microphone, what the canceller made of it, and its reference: [n] each, at 16 kHz."""
        near_db, clean_db, far_db = level_db(near), level_db(clean), level_db(far)
        ms = len(near) / 16
        self._echo_db = max(far_db, self._echo_db - _DECAY_DB * ms)
        self._noise_db = min(near_db, self._noise_db + _NOISE_RISE_DB * ms)
        reduction = near_db - clean_db
        is_loud = far_db > _FAR_DB and near_db > self._noise_db + _OVER_NOISE_DB
        if is_loud:
            self.typical_reduction_db += 0.25 if reduction > self.typical_reduction_db else -0.25
        if self._echo_db > _FAR_DB:
            self._learn(clean_db - self._echo_db, reduction)
        residual = min(max(self._leak_db + self._echo_db - clean_db, LEAST_RESIDUAL_DB), 0.0)
        return Levels(reduction, is_loud, residual)

    def _learn(self, leak_db: float, reduction: float) -> None:
        """Move the estimate of what is left, against the reference, towards its quantile."""
        if leak_db > self._leak_db and reduction < _PERSON_DB and self.typical_reduction_db > 10.0:
            return
        self._seen += 1
        step = max(_LEAK_STEP_DB, 3.0 / (1.0 + self._seen / 25))
        self._leak_db += step * (_LEAK_SHARE if leak_db > self._leak_db else _LEAK_SHARE - 1.0)
        self._leak_db = min(self._leak_db, 6.0)
