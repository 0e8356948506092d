"""Somebody speaks over the reply: found here, at once and cheaply, long before the server can say so. No I/O.

It need not be right: a duck is undone unheard by most. The server decides what is speech; this only gains time. A frame
counts when it is loud against the room and against what the reply itself leaves in the microphone, and voiced.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from .meters import SILENCE_DB, level_db
from .sound import FRAME_MS, MIC_HZ, samples_of

LEAST_DB: Final = -50.0
"""Nobody who wants the floor is softer than this."""
OVER_ROOM_DB: Final = 12.0
OVER_ECHO_DB: Final = 8.0
ROOM_RISE_DB: Final = 0.02
"""Per frame, 1 dB a second: so slowly the estimate of the room climbs where nothing is quieter."""
ECHO_UP_DB: Final = 0.8
ECHO_DOWN_DB: Final = 0.2
"""Per frame: what the reply leaves in the microphone, against what is played, is learnt as its eighth decile in ten."""
ECHO_UP_IN_SPEECH_DB: Final = 0.1
ECHO_LASTS_FRAMES: Final = 25
"""500 ms: the sound card's latency, and the room's answer."""
SOUNDING_DB: Final = -45.0
"""A reply softer than this teaches nothing about its echo."""
NEEDED: Final = 3
OF: Final = 4
"""Three frames of the last four: 60 to 80 ms of voice. A click or a key is shorter, and not voiced."""
FALLEN: Final = 3
"""So many frames in a row that do not count, and the next voice is a new one."""
VOICED: Final = 0.6
"""Height of the autocorrelation's peak, against the signal's power."""
HIGHEST_PART_HZ: Final = 1_000
LOW_SHARE: Final = 0.1
"""Of the power that has to lie below that: a hiss is no voice because a mains hum lies under it."""
LOWEST_HZ: Final = 80
HIGHEST_HZ: Final = 400
WINDOW_FRAMES: Final = 2

BEGINS_CLEAN_DB: Final = -40.0
"""The echo before anything is known of it: with headphones,"""
BEGINS_CANCELLED_DB: Final = -12.0
"""and behind a canceller that has yet to learn the room."""


class LocalDuck:
    """Feed it each frame of the microphone, echo taken out, and each of the speaker; it says when to duck.

    Once for a voice: it has to fall silent for 60 ms before it can duck again.
    """

    def __init__(self, echo_db: float = BEGINS_CLEAN_DB) -> None:
        self.enabled = True
        """False where the microphone is not free of echo: it would find the reply itself."""
        self.echo_db = echo_db
        """The echo that is left, in dB of what the speaker is given."""
        self._way = ""
        self._room_db = -60.0
        self._played: deque[float] = deque([SILENCE_DB], maxlen=ECHO_LASTS_FRAMES)
        self._window: deque[bytes] = deque(maxlen=WINDOW_FRAMES)
        self._counts: deque[bool] = deque(maxlen=OF)
        self._quiet = 0
        self._spent = False

    def expect_from(self, way: str, echo_db: float) -> None:
        """Begin to learn the echo anew where the way in which it is kept away is another one now."""
        if way != self._way:
            self._way, self.echo_db = way, echo_db

    def played(self, pcm: bytes) -> None:
        """Note the frame that the speaker is given."""
        self._played.append(level_db(pcm))

    def hear(self, pcm: bytes, *, sounding: bool) -> bool:
        """Take 20 ms of the microphone; return whether to duck now. `sounding`: whether a reply is audible."""
        self._window.append(pcm)
        level, played = level_db(pcm), max(self._played)
        self._room_db = min(level, self._room_db + ROOM_RISE_DB) if level > SILENCE_DB else self._room_db
        needed = max(LEAST_DB, self._room_db + OVER_ROOM_DB)
        if sounding:
            needed = max(needed, played + self.echo_db + OVER_ECHO_DB)
        counts = level >= needed and self._is_voiced()
        self._counts.append(counts)
        self._quiet = 0 if counts else self._quiet + 1
        if self._quiet >= FALLEN:
            self._spent = False
        speaks = sum(self._counts) >= NEEDED
        if sounding and played > SOUNDING_DB:
            self._learn(level - played, speaks)
        if not (self.enabled and sounding and speaks) or self._spent:
            return False
        self._spent = True
        return True

    def _learn(self, echo_db: float, speaks: bool) -> None:
        up = ECHO_UP_IN_SPEECH_DB if speaks else ECHO_UP_DB
        self.echo_db += up if echo_db > self.echo_db else -ECHO_DOWN_DB
        self.echo_db = min(max(self.echo_db, -60.0), 0.0)

    def _is_voiced(self) -> bool:
        """Whether the last 40 ms repeat themselves at the pace of a voice, below 1 kHz, where its pitch is plainest."""
        samples = samples_of(b"".join(self._window)).astype(np.float64)
        count = len(samples)
        if count < WINDOW_FRAMES * MIC_HZ * FRAME_MS // 1000:
            return False
        power = np.abs(np.fft.rfft(samples - samples.mean(), 2 * count)) ** 2
        whole = float(power.sum())
        power[HIGHEST_PART_HZ * 2 * count // MIC_HZ :] = 0.0
        if float(power.sum()) < LOW_SHARE * whole or not whole:
            return False
        repeats = np.fft.irfft(power)[:count]
        lags = np.arange(MIC_HZ // HIGHEST_HZ, MIC_HZ // LOWEST_HZ + 1)
        # A window that ends makes far lags look smaller than they are.
        peak = float(np.max(repeats[lags] * count / (count - lags)))
        return peak >= VOICED * float(repeats[0])
