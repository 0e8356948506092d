"""Voice activity: turns microphone audio into one probability of speech for every 32 ms.

The model is Silero VAD 6 (MIT). It takes windows of 512 samples, each preceded by the last 64 samples of the window
before, and carries a recurrent state of 2 × 128 numbers per conversation. One opened model serves every conversation
of a process; what belongs to a conversation is in `Silero`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.vad.onnx_graph import GraphError
from services.vad.silero_network import CONTEXT_SAMPLES, MAX_BATCH, STATE_SIZE, Floats, SileroNetwork
from services.vad.voice import WINDOW_SAMPLES, VoiceWindow, samples_of
from services.vad.weights import damaged, read_graph

_NAME: Final = "silero_vad_16k"


class SileroModel:
    """The opened network, without any memory of its own: share one among all conversations of a process."""

    def __init__(self) -> None:
        """Open the weights. Raises `WeightsError` if they are missing or damaged."""
        graph = read_graph(_NAME)
        try:
            self._network = SileroNetwork(graph)
        except GraphError as error:
            raise damaged(_NAME) from error

    def infer(self, windows: Floats, state: Floats) -> tuple[list[float], Floats]:
        """Judge one window of each of B conversations at once, at most `MAX_BATCH`.

        `windows` is [B, 64 + 512] with samples in ±32768, `state` is [2, B, 128]. Returns the probabilities and the
        next state. A batch is what makes many conversations cheap: the call's overhead is paid once.
        """
        return self._network.infer(windows, state)


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

    @property
    def missing_samples(self) -> int:
        """How many samples complete the next window."""
        return WINDOW_SAMPLES - self._filled

    def feed(self, pcm: bytes) -> list[VoiceWindow]:
        """Hear some audio (16 kHz, s16le, any length) and return the windows it completed, oldest first.

        A frame of 20 ms completes a window of 32 ms or none. Raises `ValueError` for half a sample.
        """
        rest = samples_of(pcm)
        found: list[VoiceWindow] = []
        while len(rest) >= self.missing_samples:
            rest = rest[self._take(rest) :]
            found += _infer_together(self._model, [self])
        self._take(rest)
        return found

    def _take(self, samples: NDArray[np.int16]) -> int:
        """Move samples into the open window until it is full; return how many went in."""
        taken = min(WINDOW_SAMPLES - self._filled, len(samples))
        start = CONTEXT_SAMPLES + self._filled
        self._window[0, start : start + taken] = samples[:taken]
        self._filled += taken
        self._next_sample += taken
        return taken

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
    found: list[list[VoiceWindow]] = [[] for _ in heard]
    rest = [(number, silero, samples_of(pcm)) for number, (silero, pcm) in enumerate(heard)]
    while rest:
        full = []
        for number, silero, samples in rest:
            taken = silero._take(samples)
            if silero.missing_samples == 0:
                full.append((number, silero, samples[taken:]))
        for (number, _, _), window in zip(full, _infer_together(model, [entry[1] for entry in full]), strict=True):
            found[number].append(window)
        rest = full
    return found


def _infer_together(model: SileroModel, full: list[Silero]) -> list[VoiceWindow]:
    """Close the full window of each conversation; return them in the same order."""
    batches = [full[start : start + MAX_BATCH] for start in range(0, len(full), MAX_BATCH)]
    answers = [answer for batch in batches for answer in _ask(model, batch)]
    return [silero._close(*answer) for silero, answer in zip(full, answers, strict=True)]


def _ask(model: SileroModel, batch: list[Silero]) -> list[tuple[float, Floats]]:
    """Return each conversation's probability and next state."""
    if len(batch) == 1:  # a batch of one needs no copying
        (probability,), state = model.infer(batch[0]._window, batch[0]._state)
        return [(probability, state)]
    windows = np.concatenate([silero._window for silero in batch])
    probabilities, states = model.infer(windows, np.concatenate([silero._state for silero in batch], axis=1))
    return [(probability, states[:, row : row + 1].copy()) for row, probability in enumerate(probabilities)]
