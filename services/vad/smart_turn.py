"""End of turn by ear: how sure is it, from the sound alone, that the speaker has finished?

The model is Smart Turn 3.2 (BSD-2-Clause): Whisper-tiny's encoder and a small head over the last 8 s of the turn. It
hears intonation, lengthening and trailing words, so it knows more than the length of a pause does. Judging costs tens
of milliseconds of one core whatever the length of the turn: call it at pauses, in a worker thread (see `judge.py`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.vad.mel import SAMPLE_RATE_HZ, log_mel, standardise
from services.vad.voice import samples_of
from services.vad.weights import open_model, read_graph

WINDOW_SAMPLES = 8 * SAMPLE_RATE_HZ
"""What the model sees: the last 8 s, the turn's end at the right edge, zeros before a shorter turn."""


class SmartTurn:
    """The opened model. Holds nothing of a conversation; not to be called from two threads at once is its only rule."""

    def __init__(self) -> None:
        """Open the weights. Raises `WeightsError` if they are missing."""
        self._session = open_model("smart_turn_v3.2", read_graph("smart_turn_v3.2"))

    def probability(self, pcm: bytes) -> float:
        """Return p(complete), 0…1, of a turn (16 kHz, s16le; up to its last 8 s count). Blocks for tens of ms.

        Give the audio from the turn's beginning up to now, the pause included. Raises `ValueError` for half a sample.
        """
        (logits,) = self._session.run(None, {"input_features": features(samples_of(pcm))[np.newaxis]})
        return float(logits[0, 0])  # the graph ends in a sigmoid: its "logits" are probabilities


def features(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return what the model takes, [80, 800], of a turn's samples."""
    recent = samples[-WINDOW_SAMPLES:]
    missing = WINDOW_SAMPLES - len(recent)
    waveform = np.zeros(WINDOW_SAMPLES, dtype=np.float32)
    np.multiply(recent, np.float32(1 / 32768), out=waveform[missing:])
    return log_mel(standardise(waveform), quiet_samples=missing)
