"""Aec3: WebRTC's echo canceller, through the wheel that carries it (docs/adr/0007-echo-canceller.md)."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

import numpy as np

from ..sound import MIC_HZ, Samples

_wheel: ModuleType | None
try:
    import pywebrtc_audio as _wheel
except (ImportError, OSError):  # the wheel is missing, or can't be loaded on this machine
    _wheel = None

BLOCK: Final = MIC_HZ // 100
"""AEC3 works in blocks of 10 ms."""
LATENCY: Final = 128
"""Samples by which its output is late; a unit test holds it to that."""
_HISS: Final[Samples] = np.random.default_rng(1).integers(-1, 2, MIC_HZ).astype(np.int16)
"""Stands in for digital silence of the speaker, on which the filters compute twenty times slower. It is at -92 dB."""


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

    def process(self, near: Samples, far: Samples) -> Samples:
        """Return the microphone without the echo of `far`, `LATENCY` samples late. Both [n * BLOCK]."""
        count = len(far)
        self._at = self._at + count if self._at + 2 * count <= len(_HISS) else 0
        clean: Samples = self._inner.process(near, np.where(far == 0, _HISS[self._at : self._at + count], far))
        return clean
