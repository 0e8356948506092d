"""Aec3: WebRTC's echo canceller, through the wheel that carries it (docs/adr/0007-echo-canceller.md)."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.common.audio import MIC_HZ

_wheel: ModuleType | None
try:
    import pywebrtc_audio as _wheel
except (ImportError, OSError):  # the wheel is missing, or can't be loaded on this machine
    _wheel = None

BLOCK: Final = MIC_HZ // 100
"""AEC3 works in blocks of 10 ms; the wheel fills up what is less with silence."""

LATENCY: Final = 128
"""Samples by which its output is late: measured with a click, a unit test holds it to that."""

Samples = NDArray[np.int16]

_HISS: Final[Samples] = np.random.default_rng(1).integers(-1, 2, MIC_HZ).astype(np.int16)
"""Takes the place of digital silence at the far end, in which the filters' figures sink below what a processor computes
fast: 110 ms of CPU a second instead of 6. At -92 dB of full scale it is no reference for anything."""


def installed() -> bool:
    """Whether there is a canceller on this machine."""
    return _wheel is not None


class Aec3:
    """One microphone's. Takes whole blocks at 16 kHz; the far end must not be later than its echo."""

    def __init__(self) -> None:
        if _wheel is None:
            raise RuntimeError("no echo canceller is installed: run `pip install pywebrtc-audio`")
        self._inner: Any = _wheel.EchoCanceller(MIC_HZ, 1)
        self._at = 0

    def reset(self) -> None:
        """Forget the room and the delay that was found."""
        self._inner.reset()

    def process(self, near: Samples, far: Samples) -> Samples:
        """Return the microphone without the echo of `far`, `LATENCY` samples late. Both [n * BLOCK]."""
        count = len(far)
        self._at = self._at + count if self._at + 2 * count <= len(_HISS) else 0
        hiss = _HISS[self._at : self._at + count]
        clean: Samples = self._inner.process(near, np.where(far == 0, hiss, far))
        return clean
