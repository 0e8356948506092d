"""Audio for the client's tests in which every sample tells its reply and its position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clients.desktop.playout import Playout
from clients.desktop.sound import pcm_of, samples_of


def reply_samples(reply: int, start: int, samples: int) -> NDArray[np.int16]:
    """Return loud samples (1 000 … 20 999), each a function of its reply and position alone."""
    positions = np.arange(start, start + samples, dtype=np.int64)
    return (1_000 + (reply * 7_919 + positions * 31) % 20_000).astype(np.int16)


def reply_pcm(reply: int, start: int, samples: int) -> bytes:
    """Return the same as PCM16LE."""
    return pcm_of(reply_samples(reply, start, samples))


def pull(playout: Playout, samples: int) -> NDArray[np.int16]:
    """Return what the speaker plays next, as samples."""
    return samples_of(playout.pull(samples))
