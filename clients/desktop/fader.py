"""The output's gain: ducked when somebody may want the floor, let go again, without a click.

Two may duck: the server, and the client itself, which hears the person sooner. The deeper one counts, each runs out by
itself, and a verdict ends both.
"""

from __future__ import annotations

from enum import Enum, auto

import numpy as np

from .sound import Samples, speaker_samples

RAMP_MS = 20
"""Every change of gain is spread over this time; shorter ones click, longer ones miss the goal for a duck."""
DUCK_HOLD_MS = 800
"""A duck without a verdict undoes itself after this time: it may be lost on the way, the reply must not stay quiet."""
LOCAL_DUCK_DB = -20.0
"""By how much the client lowers the reply by itself; as much as a server asks for."""


class By(Enum):
    """Whose duck."""

    SERVER = auto()
    HERE = auto()


class Fader:
    """Applies a gain that moves in straight lines. Time is counted in the samples that pass through."""

    def __init__(self) -> None:
        self.gain = 1.0
        self._target = 1.0
        self._ramp_left = 0
        self._gains: dict[By, float] = {}
        self._left: dict[By, int] = {}

    @property
    def ducked(self) -> bool:
        """Whether a duck is in force, verdict pending."""
        return bool(self._gains)

    def duck(self, gain_db: float, by: By = By.SERVER) -> None:
        """Lower the output by `gain_db` (negative; a positive one counts as 0) for at most 800 ms."""
        self._gains[by] = 10.0 ** (min(gain_db, 0.0) / 20.0)
        self._left[by] = speaker_samples(DUCK_HOLD_MS)
        self._ramp_to(self._wanted)

    def release(self) -> None:
        """Go back to full level."""
        self._gains.clear()
        self._left.clear()
        self._ramp_to(1.0)

    def reset(self) -> None:
        """Be at full level at once: for when nothing sounds any more."""
        self.release()
        self.gain, self._ramp_left = 1.0, 0

    def apply(self, block: Samples) -> Samples:
        """Return the block at the present gain; a duck runs out at its very sample."""
        parts = []
        while self._left and min(self._left.values()) < len(block):
            cut = min(self._left.values())
            parts.append(self._ramp(block[:cut]))
            block = block[cut:]
            self._pass(cut)
            self._let_run_out()
        self._pass(len(block))
        last = self._ramp(block)
        return np.concatenate([*parts, last]) if parts else last

    @property
    def _wanted(self) -> float:
        return min(self._gains.values(), default=1.0)

    def _pass(self, samples: int) -> None:
        for by in self._left:
            self._left[by] -= samples

    def _let_run_out(self) -> None:
        for by in [by for by, left in self._left.items() if left <= 0]:
            del self._left[by], self._gains[by]
        self._ramp_to(self._wanted)

    def _ramp_to(self, target: float) -> None:
        if target == self._target and self._ramp_left:
            return  # it is on its way there
        self._target = target
        self._ramp_left = speaker_samples(RAMP_MS) if target != self.gain else 0

    def _ramp(self, block: Samples) -> Samples:
        moving = min(self._ramp_left, len(block))
        if not moving and self.gain == 1.0:
            return block
        gains = np.full(len(block), self._target)
        if moving:
            step = (self._target - self.gain) / self._ramp_left
            gains[:moving] = self.gain + step * np.arange(1, moving + 1)
            self._ramp_left -= moving
            self.gain = float(gains[moving - 1]) if self._ramp_left else self._target
        lowered: Samples = np.rint(block * gains).astype(np.int16)
        return lowered
