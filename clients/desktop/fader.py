"""The output's gain: ducked when somebody may want the floor, let go again, without a click."""

from __future__ import annotations

import numpy as np

from .sound import Samples, speaker_samples

RAMP_MS = 20
"""Every change of gain is spread over this time; shorter ones click, longer ones miss the goal for a duck."""
DUCK_HOLD_MS = 800
"""A duck without a verdict undoes itself after this time: it may be lost on the way, the reply must not stay quiet."""


class Fader:
    """Applies a gain that moves in straight lines. Time is counted in the samples that pass through."""

    def __init__(self) -> None:
        self.gain = 1.0
        self._target = 1.0
        self._ramp_left = 0
        self._hold_left: int | None = None

    @property
    def ducked(self) -> bool:
        """Whether a duck is in force, verdict pending."""
        return self._hold_left is not None

    def duck(self, gain_db: float) -> None:
        """Lower the output by `gain_db` (negative; a positive one counts as 0) for at most 800 ms."""
        self._hold_left = speaker_samples(DUCK_HOLD_MS)
        self._ramp_to(10.0 ** (min(gain_db, 0.0) / 20.0))

    def release(self) -> None:
        """Go back to full level."""
        self._hold_left = None
        self._ramp_to(1.0)

    def reset(self) -> None:
        """Be at full level at once: for when nothing sounds any more."""
        self.gain, self._target, self._ramp_left, self._hold_left = 1.0, 1.0, 0, None

    def apply(self, block: Samples) -> Samples:
        """Return the block at the present gain; the duck runs out at its very sample."""
        if self._hold_left is None:
            return self._ramp(block)
        if self._hold_left >= len(block):
            self._hold_left -= len(block)
            return self._ramp(block)
        cut = self._hold_left
        ducked = self._ramp(block[:cut])
        self.release()
        return np.concatenate([ducked, self._ramp(block[cut:])])

    def _ramp_to(self, target: float) -> None:
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
