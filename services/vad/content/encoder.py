"""The content encoder: the first half of Smart Turn's network, over the last 0.8 s of sound.

Smart Turn 3.2 (BSD-2-Clause) stands on Whisper-tiny's encoder, so what it computes on the way says which sounds were
spoken. Cut to 0.8 s and to two of its four blocks it costs 1.2 ms instead of 40, and still tells "stop" from "mm-hmm".
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.vad.mel import BANDS, HOP_SAMPLES, log_mel, standardise
from services.vad.onnx_graph import GraphError
from services.vad.weights import damaged, open_model, read_graph

_NAME: Final = "smart_turn_v3.2"
_EMBEDDING: Final = "inner.encoder.embed_positions.weight"
_MADE_FOR: Final = 400  # positions of the whole encoder, 20 ms each
_AFTER_TWO_BLOCKS: Final = "layer_norm_4"

POSITIONS: Final = 40
WINDOW_SAMPLES: Final = 2 * POSITIONS * HOP_SAMPLES
"""What it hears: 0.8 s."""
STATE_SIZE: Final = 384
SEGMENT_POSITIONS: Final = 4
SEGMENTS: Final = POSITIONS // SEGMENT_POSITIONS
"""Its states are averaged over 80 ms each: less is more than a syllable's sounds need."""

Floats = NDArray[np.float32]


class ContentEncoder:
    """The opened network. Holds nothing of a conversation: share one among all of a process."""

    def __init__(self) -> None:
        """Open the weights. Raises `WeightsError` if they are missing or damaged."""
        graph = read_graph(_NAME)
        try:
            graph.replace_floats(_EMBEDDING, graph.floats(_EMBEDDING)[-POSITIONS:])
            graph.replace_number(_MADE_FOR, POSITIONS)
            graph.reshape_input(1, BANDS, 2 * POSITIONS)
            graph.end_at(_AFTER_TWO_BLOCKS)
        except GraphError as error:
            raise damaged(_NAME) from error
        self._session = open_model(_NAME, graph)

    def states(self, samples: NDArray[np.int16]) -> Floats:
        """Return [10, 384], what was heard in each 80 ms of the last 0.8 s (16 kHz). Takes 1.5 ms of a core.

        Raises `ValueError` for less than 0.8 s.
        """
        if len(samples) < WINDOW_SAMPLES:
            raise ValueError(f"the content encoder hears {WINDOW_SAMPLES} samples at a time, not {len(samples)}")
        waveform = samples[-WINDOW_SAMPLES:].astype(np.float32) * np.float32(1 / 32768)
        (states,) = self._session.run(None, {"input_features": log_mel(standardise(waveform))[np.newaxis]})
        mean: Floats = states.reshape(SEGMENTS, SEGMENT_POSITIONS, STATE_SIZE).mean(axis=1)
        return mean
