"""The arithmetic of Silero VAD: 32 ms of sound and a memory in, a probability of speech and the next memory out.

The published network is small (0.7 million multiplications a window), but it is written in nested conditions that
make onnxruntime gather the recurrent layer's weights anew at every call. As a few matrix products over weights that
were arranged once it costs about half, and every conversation of a batch less again. The steps are those of the
published graph: magnitudes of four short Fourier transforms, four convolutions, one LSTM step, a weighted sum.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from services.vad.onnx_graph import OnnxGraph
from services.vad.voice import WINDOW_SAMPLES

CONTEXT_SAMPLES: Final = 64
"""Samples of the window before that stand before each window."""
STATE_SIZE: Final = 128
MAX_BATCH: Final = 32
"""Conversations judged in one go; more gain nothing, and the room to work in is kept."""

_INPUT: Final = CONTEXT_SAMPLES + WINDOW_SAMPLES
_MIRRORED: Final = 64  # samples of the end that are mirrored behind it
_FFT, _HOP, _BINS, _STEPS = 256, 128, 129, 4

Floats = NDArray[np.float32]


class SileroNetwork:
    """The weights, arranged for matrix products, and room to work in. Not to be used from two threads at once."""

    def __init__(self, graph: OnnxGraph) -> None:
        """Arrange the weights of the published 16 kHz network. Raises `GraphError` if they are not there."""
        self._hann = (np.hanning(_FFT + 1)[:-1] / 32768).astype(np.float32)  # brings the samples to ±1 as well
        # A convolution of width 3 is a product with [3 * in, out]. The last two see one and two steps only: the
        # weights that would meet the padding are left out.
        self._wide, self._wide_bias = _convolution(graph, 0, slice(0, 3))
        self._halving, self._halving_bias = _convolution(graph, 1, slice(0, 3))
        self._pair, self._pair_bias = _convolution(graph, 2, slice(1, 3))
        self._single, self._single_bias = _convolution(graph, 3, slice(1, 2))
        self._gates, self._gates_bias = _gates(graph)
        self._sum = np.ascontiguousarray(graph.floats("model.decoder.decoder.2.weight")[0, :, 0])
        self._sum_bias = float(graph.floats("model.decoder.decoder.2.bias")[0])
        self._rooms: dict[int, _Room] = {}

    def infer(self, windows: Floats, state: Floats) -> tuple[list[float], Floats]:
        """Judge one window of each of B conversations, at most `MAX_BATCH`.

        `windows` is [B, 64 + 512] with samples in ±32768, `state` is [2, B, 128], zeros at first. Returns the
        probabilities of speech, 0…1, and the next state.
        """
        batch = len(windows)
        room = self._rooms.get(batch) or self._rooms.setdefault(batch, _Room(batch))
        return self._recur(self._encode(windows, room), state)

    def _encode(self, windows: Floats, room: _Room) -> Floats:
        """Return what the four convolutions make of the windows: [B, 128]."""
        room.sound[:, :_INPUT] = windows
        room.sound[:, _INPUT:] = windows[:, -2 : -2 - _MIRRORED : -1]
        np.abs(np.fft.rfft(room.frames * self._hann), out=room.magnitudes)
        np.copyto(room.wide_patches, room.wide_view)
        np.maximum((room.wide @ self._wide + self._wide_bias).reshape(room.steps.shape), 0.0, out=room.steps)
        np.copyto(room.halving_patches, room.halving_view)
        halves = np.maximum(room.halving @ self._halving + self._halving_bias, 0.0).reshape(len(windows), -1)
        one = np.maximum(halves @ self._pair + self._pair_bias, 0.0)
        encoded: Floats = np.maximum(one @ self._single + self._single_bias, 0.0)
        return encoded

    def _recur(self, encoded: Floats, state: Floats) -> tuple[list[float], Floats]:
        """Take one step of the LSTM; `state` is its output and its cell, both [B, 128]."""
        gates = np.tanh(np.concatenate((encoded, state[0]), axis=1) @ self._gates + self._gates_bias)
        opening = gates[:, : 3 * STATE_SIZE]  # the logistic function of x is (1 + tanh(x / 2)) / 2; x / 2 came in
        opening += 1.0
        opening *= 0.5
        takes, keeps, shows, new = (gates[:, at : at + STATE_SIZE] for at in range(0, 4 * STATE_SIZE, STATE_SIZE))
        following = np.empty_like(state)
        cell = np.multiply(keeps, state[1], out=following[1])
        cell += takes * new
        output = np.multiply(np.tanh(cell), shows, out=following[0])
        sums = np.maximum(output, 0.0) @ self._sum
        return [1.0 / (1.0 + math.exp(-value - self._sum_bias)) for value in sums.tolist()], following


class _Room:
    """Where a batch's windows are worked on. What lies outside a window stays zero, as the convolutions want it."""

    def __init__(self, batch: int) -> None:
        self.sound = np.zeros((batch, _INPUT + _MIRRORED), dtype=np.float32)
        self.frames = _overlapping(self.sound, _STEPS, _FFT, _HOP)
        spectra = np.zeros((batch, _STEPS + 2, _BINS), dtype=np.float32)
        self.magnitudes = spectra[:, 1:-1]
        self.wide_view = _overlapping(spectra.reshape(batch, -1), _STEPS, 3 * _BINS, _BINS)
        self.wide_patches = np.empty_like(self.wide_view)
        self.wide = self.wide_patches.reshape(batch * _STEPS, -1)
        steps = np.zeros((batch, _STEPS + 1, STATE_SIZE), dtype=np.float32)
        self.steps = steps[:, 1:]
        self.halving_view = _overlapping(steps.reshape(batch, -1), _STEPS // 2, 3 * STATE_SIZE, 2 * STATE_SIZE)
        self.halving_patches = np.empty_like(self.halving_view)
        self.halving = self.halving_patches.reshape(batch * _STEPS // 2, -1)


def _overlapping(rows: Floats, count: int, size: int, hop: int) -> Floats:
    """View each of B rows as `count` pieces of `size`, one every `hop`: [B, count, size]."""
    row, item = rows.strides
    return as_strided(rows, (len(rows), count, size), (row, hop * item, item))


def _convolution(graph: OnnxGraph, number: int, taps: slice) -> tuple[Floats, Floats]:
    """Return a convolution's weights as [taps * in, out], and its bias."""
    name = f"model.encoder.{number}.reparam_conv"
    weight = graph.floats(f"{name}.weight")[:, :, taps].transpose(2, 1, 0)
    return np.ascontiguousarray(weight.reshape(-1, weight.shape[2])), graph.floats(f"{name}.bias")


def _gates(graph: OnnxGraph) -> tuple[Floats, Floats]:
    """Return the LSTM's weights as [input + output, 4 gates] and its bias.

    PyTorch keeps the gates as input, forget, cell, output; here the cell stands last, and the others, which go
    through the logistic function, are halved so that one `tanh` serves all.
    """
    rnn = "model.decoder.rnn"
    weight = np.concatenate([graph.floats(f"{rnn}.weight_ih"), graph.floats(f"{rnn}.weight_hh")], axis=1)
    bias = graph.floats(f"{rnn}.bias_ih") + graph.floats(f"{rnn}.bias_hh")
    order = np.r_[0 : 2 * STATE_SIZE, 3 * STATE_SIZE : 4 * STATE_SIZE, 2 * STATE_SIZE : 3 * STATE_SIZE]
    scale = np.where(np.arange(4 * STATE_SIZE) < 3 * STATE_SIZE, 0.5, 1.0).astype(np.float32)
    return np.ascontiguousarray(weight[order].T * scale), bias[order] * scale
