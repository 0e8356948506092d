"""Voice activity: turns microphone audio into one probability of speech for every 32 ms.

The model is Silero VAD 6 (MIT). It takes windows of 512 samples, each preceded by the last 64 samples of the window
before, and carries a recurrent state of 2 × 128 numbers per conversation. One opened model serves every conversation
of a process; what belongs to a conversation is in `Silero`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.vad.voice import SAMPLE_RATE_HZ, WINDOW_SAMPLES, VoiceWindow, samples_of
from services.vad.weights import open_model

CONTEXT_SAMPLES = 64
STATE_SIZE = 128

Floats = NDArray[np.float32]


class SileroModel:
    """The opened network, without any memory of its own: share one among all conversations of a process."""

    def __init__(self) -> None:
        """Open the weights. Raises `WeightsError` if they are missing."""
        self._session = open_model("silero_vad_16k")
        self._rate = np.array(SAMPLE_RATE_HZ, dtype=np.int64)

    def infer(self, windows: Floats, state: Floats) -> tuple[Floats, Floats]:
        """Judge one window of each of B conversations at once.

        `windows` is [B, 64 + 512] with samples in -1…1, `state` is [2, B, 128]. Returns the probabilities [B] and
        the next state. A batch is what makes many conversations cheap: the call's overhead is paid once.
        """
        feeds = {"input": windows, "state": state, "sr": self._rate}
        probabilities, following = self._session.run(None, feeds)
        return probabilities[:, 0], following


class Silero:
    """The voice activity of one conversation."""

    def __init__(self, model: SileroModel) -> None:
        """Start at sample 0 of the microphone's clock."""
        self._model = model
        self._window: Floats = np.zeros((1, CONTEXT_SAMPLES + WINDOW_SAMPLES), dtype=np.float32)
        self.reset()

    def reset(self, at_sample: int = 0) -> None:
        """Forget everything heard; the next byte fed is sample `at_sample` of the microphone's clock."""
        self._state: Floats = np.zeros((2, 1, STATE_SIZE), dtype=np.float32)
        self._window[:] = 0.0
        self._filled = 0
        self._next_sample = at_sample

    def feed(self, pcm: bytes) -> list[VoiceWindow]:
        """Hear some audio (16 kHz, s16le, any length) and return the windows it completed, oldest first.

        A frame of 20 ms completes a window of 32 ms or none. Raises `ValueError` for half a sample.
        """
        return feed_together(self._model, [(self, pcm)])[0]

    def _take(self, samples: NDArray[np.int16]) -> int:
        """Move samples into the open window until it is full; return how many went in."""
        taken = min(WINDOW_SAMPLES - self._filled, len(samples))
        start = CONTEXT_SAMPLES + self._filled
        np.multiply(samples[:taken], np.float32(1 / 32768), out=self._window[0, start : start + taken])
        self._filled += taken
        self._next_sample += taken
        return taken

    def _is_full(self) -> bool:
        return self._filled == WINDOW_SAMPLES

    def _close(self, probability: float, state: Floats) -> VoiceWindow:
        """Keep what the next window needs of this one."""
        self._state = state
        self._window[0, :CONTEXT_SAMPLES] = self._window[0, -CONTEXT_SAMPLES:]
        self._filled = 0
        return VoiceWindow(self._next_sample, probability)


def feed_together(model: SileroModel, heard: Sequence[tuple[Silero, bytes]]) -> list[list[VoiceWindow]]:
    """Feed many conversations at once, each with its own audio; one inference serves all that completed a window.

    Returns a list per conversation, in the order given. A conversation may stand in `heard` only once.
    """
    rest = [samples_of(pcm) for _, pcm in heard]
    found: list[list[VoiceWindow]] = [[] for _ in heard]
    while True:
        for index, (silero, _) in enumerate(heard):
            rest[index] = rest[index][silero._take(rest[index]) :]
        full = [index for index, (silero, _) in enumerate(heard) if silero._is_full()]
        if not full:
            return found
        for index, window in zip(full, _infer_together(model, [heard[index][0] for index in full]), strict=True):
            found[index].append(window)


def _infer_together(model: SileroModel, batch: list[Silero]) -> list[VoiceWindow]:
    if len(batch) == 1:  # the common case needs no copying
        probabilities, state = model.infer(batch[0]._window, batch[0]._state)
        return [batch[0]._close(float(probabilities[0]), state)]
    windows = np.concatenate([silero._window for silero in batch])
    probabilities, state = model.infer(windows, np.concatenate([silero._state for silero in batch], axis=1))
    states = [np.ascontiguousarray(state[:, row : row + 1]) for row in range(len(batch))]
    return [silero._close(float(probabilities[row]), states[row]) for row, silero in enumerate(batch)]
