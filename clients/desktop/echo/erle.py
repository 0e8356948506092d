"""ERLE: echo return loss enhancement, how much quieter the canceller makes the echo."""

from __future__ import annotations

from typing import Final

from ..meters import level_db
from ..sound import Samples, pcm_of

FAR_DB: Final = -45.0
"""A reference at least so loud says something about its echo."""
OVER_ROOM_DB: Final = 12.0
"""A microphone less far above its room can't become much quieter."""
STEP_DB: Final = 0.25
SETTLES: Final = 25
"""Frames after which there is a figure; until then steps are larger."""


class ErleMeter:
    """Follows the median over loud frames, a second or two of them: who speaks in between hardly moves it."""

    def __init__(self) -> None:
        self._median_db = 0.0
        self._seen = 0
        self._room_db = -60.0

    @property
    def db(self) -> float | None:
        """The figure; None while too little echo was heard."""
        return round(self._median_db, 1) if self._seen >= SETTLES else None

    def feed(self, mic: Samples, clean: Samples, reference: Samples) -> None:
        """Take a frame of each, of the same moment."""
        mic_db, clean_db = level_db(pcm_of(mic)), level_db(pcm_of(clean))
        self._room_db = min(max(mic_db, -80.0), self._room_db + 0.02)
        if level_db(pcm_of(reference)) < FAR_DB or mic_db < self._room_db + OVER_ROOM_DB:
            return
        self._seen += 1
        step = max(STEP_DB, 8.0 / self._seen)
        self._median_db += step if mic_db - clean_db > self._median_db else -step
