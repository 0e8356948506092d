"""EchoCanceller: takes out of the microphone what the sound card was given for the speaker. No I/O: times are told.

Both streams' callbacks say when their samples pass the air, so it is known which sample of the speaker was in the air
with which of the microphone. AEC3 finds an echo that comes a little after its reference, never one that comes before:
so the reference runs `AHEAD` of the clocks. Where a driver's times are wrong, the finder hears by how much, and the
reference is moved once.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ..meters import EchoState
from ..sound import MIC_HZ, SPEAKER_HZ, Samples, pcm_of, samples_of
from ..sound_card.stream_clock import StreamClock
from .aec3 import LATENCY, Aec3
from .delay import DelayFinder
from .erle import ErleMeter
from .reference import Reference

_MS: Final = MIC_HZ // 1000
AHEAD: Final = 10 * _MS
"""How far the reference runs ahead of the clocks, which are right within some milliseconds."""
NEAREST: Final = 2 * _MS
FURTHEST: Final = 90 * _MS
"""An echo between these, after its reference, is found by AEC3 soon. Outside of them the reference is moved."""
BEARABLE: Final = 3 * _MS
DRIFTED: Final = 50
"""Frames, a second, for which the clocks have to be off by more than is bearable before the reference follows them."""


class EchoCanceller:
    """One microphone's and one speaker's. Feed it both, each with the time at which its first sample passes the air."""

    def __init__(self) -> None:
        self.reference = Reference()
        self._aec = Aec3()
        self._finder = DelayFinder()
        self._erle = ErleMeter()
        self._mic_clock = StreamClock(MIC_HZ)
        self._speaker_clock = StreamClock(SPEAKER_HZ)
        self._heard = 0
        self._played = 0
        self._shift: int | None = None
        self._moved = 0
        self._off = 0
        self._delay: int | None = None
        self._late = np.zeros(LATENCY, np.int16)
        self._far_late = np.zeros(LATENCY, np.int16)

    @property
    def state(self) -> EchoState:
        """What it achieves."""
        delay_ms = None if self._delay is None else round(self._delay * 1000 / MIC_HZ, 1)
        return EchoState("device", self._erle.db, delay_ms)

    def play(self, pcm: bytes, heard_s: float) -> None:
        """Note what the sound card was given (24 kHz), whose first sample is heard at `heard_s`."""
        self._speaker_clock.tell(self._played, heard_s)
        samples = samples_of(pcm)
        self._played += len(samples)
        self.reference.add(samples)

    def feed(self, pcm: bytes, captured_s: float) -> tuple[bytes, bytes]:
        """Take a frame of the microphone (16 kHz) whose first sample was captured at `captured_s`.

        Return it without the echo, 8 ms late, and the reference that was used, of the same moment as the frame.
        """
        near = samples_of(pcm)
        self._mic_clock.tell(self._heard, captured_s)
        self._align()
        far = self.reference.read(self._heard + (self._shift or 0), len(near))
        self._heard += len(near)
        clean = self._aec.process(near, far)
        near_late, self._late = _delayed(self._late, near)
        far_late, self._far_late = _delayed(self._far_late, far)
        self._erle.feed(near_late, clean, far_late)
        self._look(near, far)
        return pcm_of(clean), pcm_of(far)

    def _align(self) -> None:
        """Let the reference follow the clocks, in steps: AEC3 has to learn anew after each."""
        if not self._speaker_clock.known:
            return
        now = self._speaker_clock.count_at(self._mic_clock.at_s(self._heard)) * MIC_HZ / SPEAKER_HZ
        wanted = round(now) - self._heard + AHEAD + self._moved
        if self._shift is None:
            self._shift = wanted
        self._off = self._off + 1 if abs(wanted - self._shift) > BEARABLE else 0
        if self._off >= DRIFTED:
            self._shift, self._off = wanted, 0

    def _look(self, near: Samples, far: Samples) -> None:
        found = self._finder.feed(near, far)
        if found is None:
            return
        self._delay = found - AHEAD - self._moved
        if self._shift is not None and not NEAREST <= found <= FURTHEST:
            move = AHEAD - found
            self._moved += move
            self._shift += move
            self._finder.restart()


def _delayed(rest: Samples, fresh: Samples) -> tuple[Samples, Samples]:
    """Return as many samples as are fresh, `LATENCY` later, and what is left over."""
    both = np.concatenate([rest, fresh])
    return both[: len(fresh)], both[len(fresh) :]
