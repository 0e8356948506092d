"""End of turn by ear: how sure is it, from the sound alone, that the speaker has finished?

The model is Smart Turn 3.2 (BSD-2-Clause): Whisper-tiny's encoder and a small head, made for the last 8 s of the turn.
It hears intonation, lengthening and trailing words, so it knows more than the length of a pause does. Its cost grows
with its window, more than in proportion, whatever the length of the turn; what tells an end is near the end. So the
network is cut to the last 5.12 s, at half the cost. Judging still takes tens of milliseconds of one core: call it at
pauses, in a worker thread (see `judge.py`).

Its own last layers are not what judges here. A smaller head, 384 numbers fitted on other recordings (`training/turns`),
reads the same attention-pooled state of the encoder and tells thoughts that break off from turns that end better.
"""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.vad.mel import BANDS, HOP_SAMPLES, SAMPLE_RATE_HZ, log_mel, standardise
from services.vad.onnx_graph import GraphError, OnnxGraph
from services.vad.voice import samples_of
from services.vad.weights import WeightsError, damaged, open_model, read_graph

_NAME: Final = "smart_turn_v3.2"
_POSITIONS: Final = "inner.encoder.embed_positions.weight"
_MADE_FOR: Final = 400  # positions of the encoder, 20 ms each
_POOLED: Final = "sum_1"  # the encoder's last states, weighted by the network's attention and added up
_ODDS: Final = "linear_28"  # what its sigmoid is taken of
HEAD: Final = Path(__file__).with_name("turn_head.npz")
"""The head's weights: made by `python -m training.turns`."""
STATES: Final = 384

POSITIONS: Final = 256
"""Positions it is cut to. Fewer were tried: at 200 (4 s) turns end 30 ms later on average for the same cut-offs."""
FRAMES: Final = 2 * POSITIONS
WINDOW_SAMPLES: Final = FRAMES * HOP_SAMPLES
"""What the model sees: the last 5.12 s, the turn's end at the right edge, zeros before a shorter turn."""
LEVEL_SAMPLES: Final = 8 * SAMPLE_RATE_HZ
"""Over what the waveform is brought to unit variance: 8 s, zeros included, as the model was trained with."""


@dataclass(frozen=True)
class Heard:
    """What the network made of a turn."""

    odds: float
    """Log odds of an end by its own last layers."""
    pooled: NDArray[np.float32]
    """What these read, [384]."""


class SmartTurn:
    """The opened model. Holds nothing of a conversation; not to be called from two threads at once is its only rule."""

    def __init__(self, head: Path | None = HEAD) -> None:
        """Open the weights; without a head, `probability` is a toss. Raises `WeightsError` if they cannot be read."""
        graph = read_graph(_NAME)
        try:
            shorten(graph)
        except GraphError as error:
            raise damaged(_NAME) from error
        graph.expose(_POOLED)
        graph.expose(_ODDS)
        self._session = open_model(_NAME, graph)
        self._weights, self._bias = read_head(head) if head else (np.zeros(STATES, dtype=np.float32), 0.0)

    def probability(self, pcm: bytes) -> float:
        """Return p(complete), 0…1, of a turn (16 kHz, s16le; up to its last 8 s count). Blocks for tens of ms.

        Give the audio from the turn's beginning up to now, the pause included. Raises `ValueError` for half a sample.
        """
        odds = float(self.hear(pcm).pooled @ self._weights) + self._bias
        return 1.0 / (1.0 + math.exp(-min(max(odds, -30.0), 30.0)))

    def bare(self, pcm: bytes) -> float:
        """Return what the published model says of the same, for comparison; otherwise like `probability`."""
        return 1.0 / (1.0 + math.exp(-self.hear(pcm).odds))

    def hear(self, pcm: bytes) -> Heard:
        """Return what both of these are made of. Raises `ValueError` for half a sample."""
        inputs = {"input_features": features(samples_of(pcm))[np.newaxis]}
        pooled, odds = self._session.run([_POOLED, _ODDS], inputs)
        return Heard(float(odds[0, 0]), pooled[0])


def read_head(path: Path) -> tuple[NDArray[np.float32], float]:
    """Return the head's weights [384] and its bias. Raises `WeightsError` if damaged."""
    try:
        with np.load(path, allow_pickle=False) as head:
            weights, bias = np.asarray(head["weights"], dtype=np.float32), float(head["bias"])
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path} cannot be read: check it out again, or run `python -m training.turns`.") from error
    if weights.shape != (STATES,):
        raise WeightsError(f"{path} holds {weights.shape} weights instead of {STATES}: check it out again.")
    return weights, bias


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
