"""Published: the end-of-turn model as it is published, whole: what the ear's own judgement is measured against."""

from __future__ import annotations

from typing import Final

import numpy as np

from services.vad.mel import SAMPLE_RATE_HZ, log_mel, standardise
from services.vad.voice import samples_of
from services.vad.weights import open_model, read_graph

HEARD_SAMPLES: Final = 8 * SAMPLE_RATE_HZ
"""What it was made for: the last 8 s, the turn's end at the right edge, zeros before a shorter turn."""


class Published:
    """Smart Turn 3.2 (BSD-2-Clause) with nothing cut, added or replaced."""

    def __init__(self) -> None:
        """Open the weights. Raises `WeightsError` if they are missing or damaged."""
        self._session = open_model("smart_turn_v3.2", read_graph("smart_turn_v3.2"))

    def probability(self, pcm: bytes) -> float:
        """Return p(complete), 0…1, of a turn from its beginning on (16 kHz, s16le)."""
        recent = samples_of(pcm)[-HEARD_SAMPLES:]
        missing = HEARD_SAMPLES - len(recent)
        waveform = np.zeros(HEARD_SAMPLES, dtype=np.float32)
        np.multiply(recent, np.float32(1 / 32768), out=waveform[missing:])
        features = log_mel(standardise(waveform), quiet_samples=missing)[np.newaxis]
        (probability,) = self._session.run(None, {"input_features": features})
        return float(probability[0, 0])
