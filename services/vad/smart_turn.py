"""End of turn by ear: how sure is it, from the sound alone, that the speaker has finished?

The model is Smart Turn 3.2 (BSD-2-Clause): Whisper-tiny's encoder and a small head, made for the last 8 s of the turn.
It hears intonation, lengthening and trailing words, so it knows more than the length of a pause does. Its cost grows
with its window, more than in proportion, whatever the length of the turn; what tells an end is near the end. So the
network is cut to the last 5.12 s: half the cost, for thresholds of its own (see `endpointing.py`). Judging still takes
tens of milliseconds of one core: call it at pauses, in a worker thread (see `judge.py`).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.vad.mel import BANDS, HOP_SAMPLES, SAMPLE_RATE_HZ, log_mel, standardise
from services.vad.onnx_graph import GraphError, OnnxGraph
from services.vad.voice import samples_of
from services.vad.weights import damaged, open_model, read_graph

_NAME: Final = "smart_turn_v3.2"
_POSITIONS: Final = "inner.encoder.embed_positions.weight"
_MADE_FOR: Final = 400  # positions of the encoder, 20 ms each

POSITIONS: Final = 256
"""Positions it is cut to. Fewer were tried: at 200 (4 s) turns end 30 ms later on average for the same cut-offs."""
FRAMES: Final = 2 * POSITIONS
WINDOW_SAMPLES: Final = FRAMES * HOP_SAMPLES
"""What the model sees: the last 5.12 s, the turn's end at the right edge, zeros before a shorter turn."""
LEVEL_SAMPLES: Final = 8 * SAMPLE_RATE_HZ
"""Over what the waveform is brought to unit variance: 8 s, zeros included, as the model was trained with."""


class SmartTurn:
    """The opened model. Holds nothing of a conversation; not to be called from two threads at once is its only rule."""

    def __init__(self) -> None:
        """Open the weights. Raises `WeightsError` if they are missing or damaged."""
        graph = read_graph(_NAME)
        try:
            shorten(graph)
        except GraphError as error:
            raise damaged(_NAME) from error
        self._session = open_model(_NAME, graph)

    def probability(self, pcm: bytes) -> float:
        """Return p(complete), 0…1, of a turn (16 kHz, s16le; up to its last 8 s count). Blocks for tens of ms.

        Give the audio from the turn's beginning up to now, the pause included. Raises `ValueError` for half a sample.
        """
        (logits,) = self._session.run(None, {"input_features": features(samples_of(pcm))[np.newaxis]})
        return float(logits[0, 0])  # the graph ends in a sigmoid: its "logits" are probabilities


def shorten(graph: OnnxGraph) -> None:
    """Cut the encoder to its last `POSITIONS`, where the turn's end lies. Raises `GraphError` for another network."""
    graph.replace_floats(_POSITIONS, graph.floats(_POSITIONS)[-POSITIONS:])
    graph.replace_number(_MADE_FOR, POSITIONS)
    graph.reshape_input(1, BANDS, FRAMES)


def features(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return what the model takes, [80, 512], of a turn's samples."""
    recent = samples[-LEVEL_SAMPLES:]
    missing = LEVEL_SAMPLES - len(recent)
    waveform = np.zeros(LEVEL_SAMPLES, dtype=np.float32)
    np.multiply(recent, np.float32(1 / 32768), out=waveform[missing:])
    before = LEVEL_SAMPLES - WINDOW_SAMPLES
    return log_mel(standardise(waveform)[before:], quiet_samples=max(missing - before, 0))
