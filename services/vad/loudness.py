"""Loudness: is a sound loud enough to be the person, and not the room or what is left of the assistant's own voice?

Voice activity is nearly deaf to level: it finds speech 40 dB under the person's own. So an onset over a reply must
stand clear of the room's noise, which is followed as it changes; and, once the person has spoken a turn, it must not
lie far under that, as residual echo does. Echo that comes near is learnt while the assistant speaks: it is there all
the time, and softer than the person.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.vad.voice import samples_of

SILENCE_DB: Final = -100.0
FLOOR_RISE_DB: Final = 0.1
"""Per frame of 20 ms: 5 dB a second, slower than any word."""
FLOOR_RANGE_DB: Final = (-80.0, -25.0)
"""What a quiet room and a noisy one leave in a microphone, against full scale."""
LOUDER: Final = 0.2
SOFTER: Final = 0.02
"""How fast a person's level is learnt, per voiced window: the level of their stressed syllables, not of their last."""
SOFT_PERSON_DB: Final = -36.0
"""A person is taken for this loud until they have spoken: few microphones make less of a voice."""
MURMUR_FRAMES: Final = 50
"""After a reply's first sound: one second."""


@dataclass(frozen=True)
class LoudnessSettings:
    """How far above what, in dB."""

    clarity_db: float = 5.0
    """Over the noise floor."""
    under_person_db: float = 18.0
    """Under the person's own level at most."""
    over_echo_db: float = 4.0
    """Over echo that was learnt."""
    echo_under_person_db: float = 8.0
    """What is this much softer than the person may be echo; nothing louder is ever learnt as echo."""
    echo_step_db: float = 0.5
    """How fast the echo's level is learnt, per voiced window: its ninth decile within a second or two."""


class Loudness:
    """Levels of one conversation, in dB against full scale. Feed it every frame."""

    def __init__(self, settings: LoudnessSettings | None = None) -> None:
        self._settings = settings or LoudnessSettings()
        self._before = SILENCE_DB
        self.level_db = SILENCE_DB
        """Of the last 40 ms."""
        self.floor_db = FLOOR_RANGE_DB[1]
        """Of the room: it falls at once and rises slowly."""
        self.person_db: float | None = None
        """Of the person where they speak up; None until they have."""
        self.echo_db: float | None = None
        """Of voices that were there, softly, while the assistant spoke."""
        self._murmur_frames = 0

    def feed(self, pcm: bytes) -> None:
        """Hear 20 ms of PCM16."""
        samples = samples_of(pcm).astype(np.float32)
        power = float(samples @ samples) / max(len(samples), 1) / 32768**2
        now = 10 * math.log10(power + 1e-10)
        self.level_db = max(now, self._before)
        self._before = now
        self._murmur_frames = max(self._murmur_frames - 1, 0)
        low, high = FLOOR_RANGE_DB
        self.floor_db = max(low, min(now, self.floor_db + FLOOR_RISE_DB, high))

    def spoke(self) -> None:
        """The person has the floor and is speaking: learn how loud they are, within a second or two of speech."""
        if self.person_db is None:
            self.person_db = self.level_db
        change_db = self.level_db - self.person_db
        self.person_db += change_db * (LOUDER if change_db > 0 else SOFTER)

    def reply_begins(self) -> None:
        """The assistant becomes audible. Whoever has just asked does not murmur now: what does is echo."""
        self._murmur_frames = MURMUR_FRAMES

    def needed_db(self) -> float:
        """Return the level that an onset over a reply needs."""
        settings = self._settings
        needed = self.floor_db + settings.clarity_db
        if self.person_db is None:
            return max(needed, SOFT_PERSON_DB - settings.under_person_db)
        under_db = settings.echo_under_person_db if self._murmur_frames else settings.under_person_db
        needed = max(needed, self.person_db - under_db)
        if self.echo_db is not None:
            needed = max(needed, self.echo_db + settings.over_echo_db)
        return needed

    def overhear(self) -> None:
        """Something speaks while the assistant does: if it is much softer than the person, it may be echo."""
        settings = self._settings
        if self.person_db is None or self.level_db > self.person_db - settings.echo_under_person_db:
            return
        if self.echo_db is None:
            self.echo_db = self.person_db - settings.under_person_db - settings.over_echo_db
        step = 0.9 if self.level_db > self.echo_db else -0.1
        most = self.person_db - settings.echo_under_person_db - settings.over_echo_db
        self.echo_db = min(self.echo_db + settings.echo_step_db * step, most)
