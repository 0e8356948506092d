"""Trains the head: principal directions of the encoder's states, then one hidden layer with two answers.

The two answers are the kind of sound, learnt from every example, and the word of command, learnt from commands only.
Classes weigh alike however many examples each has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.vad.content.encoder import STATE_SIZE
from services.vad.content.head import CLASSES
from services.vad.content.words import UNITS

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

DIRECTIONS: Final = 64
HIDDEN: Final = 96
BATCH: Final = 512
EPOCHS: Final = 14
DROPOUT: Final = 0.3
RATE: Final = 3e-3
DECAY: Final = 3e-3
SMOOTHING: Final = 0.02
UNIT_SHARE: Final = 0.3


@dataclass(frozen=True)
class Examples:
    """N examples: inputs [N, D], the kind's number, the unit's number (-1: none), the weight."""

    inputs: Floats
    kinds: Ints
    units: Ints
    weights: Floats


def directions(states: NDArray[np.float16], seed: int = 0) -> tuple[Floats, Floats]:
    """Return the mean [384] of the states and their main directions [384, 64], each scaled to unit variance."""
    chosen = np.random.default_rng(seed).choice(len(states), min(len(states), 24_000), replace=False)
    flat = states[chosen].reshape(-1, STATE_SIZE).astype(np.float64)
    mean = flat.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov((flat - mean).T))
    order = np.argsort(variances)[::-1][:DIRECTIONS]
    return mean.astype(np.float32), (axes[:, order] / np.sqrt(variances[order])).astype(np.float32)


def inputs(states: NDArray[np.float16], moments: Floats, mean: Floats, projection: Floats) -> Floats:
    """Return what the hidden layer takes, [N, 640 + 5]."""
    seen = np.empty((len(states), states.shape[1] * projection.shape[1] + moments.shape[1]), dtype=np.float32)
    for start in range(0, len(states), 8192):
        part = slice(start, start + 8192)
        projected = (states[part].astype(np.float32) - mean) @ projection
        seen[part] = np.concatenate([projected.reshape(len(projected), -1), moments[part]], axis=1)
    return seen


def fit(examples: Examples, seed: int = 0, epochs: int = EPOCHS) -> dict[str, Floats]:
    """Train; return the arrays of the head but for the projection."""
    chance = np.random.default_rng(seed)
    weights = _balanced(examples)
    size = examples.inputs.shape[1]
    parameters: dict[str, Floats] = {
        "hidden": (chance.standard_normal((size, HIDDEN)) * np.sqrt(2 / size)).astype(np.float32),
        "hidden_bias": np.zeros(HIDDEN, np.float32),
        "kinds": (chance.standard_normal((HIDDEN, len(CLASSES))) / np.sqrt(HIDDEN)).astype(np.float32),
        "kinds_bias": np.zeros(len(CLASSES), np.float32),
        "units": (chance.standard_normal((HIDDEN, len(UNITS))) / np.sqrt(HIDDEN)).astype(np.float32),
        "units_bias": np.zeros(len(UNITS), np.float32),
    }
    adam = _Adam(parameters, epochs * (len(weights) // BATCH))
    for epoch in range(epochs):
        order, total = chance.permutation(len(weights)), 0.0
        for start in range(0, len(order) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            loss, gradients = _step(parameters, examples, weights, chosen, chance)
            adam.move(gradients)
            total += loss
        print(f"  epoch {epoch + 1} of {epochs}: loss {total / max(len(order) // BATCH, 1):.3f}", flush=True)
    return parameters


def answers(head: dict[str, Floats], seen: Floats) -> Floats:
    """Return the probabilities of the kinds, [N, 5]."""
    hidden = np.maximum(seen @ head["hidden"] + head["hidden_bias"], 0)
    return _softmax(hidden @ head["kinds"] + head["kinds_bias"])


def _balanced(examples: Examples) -> Floats:
    counts = np.bincount(examples.kinds, examples.weights, minlength=len(CLASSES))
    weights = examples.weights * (counts.sum() / len(CLASSES) / np.maximum(counts, 1))[examples.kinds]
    return np.asarray(weights, dtype=np.float32)


def _step(
    head: dict[str, Floats], examples: Examples, weights: Floats, chosen: Ints, chance: np.random.Generator
) -> tuple[float, dict[str, Floats]]:
    seen = examples.inputs[chosen]
    seen = seen * (chance.random(seen.shape, dtype=np.float32) >= DROPOUT / 2) / (1 - DROPOUT / 2)
    before = seen @ head["hidden"] + head["hidden_bias"]
    kept = (chance.random(before.shape, dtype=np.float32) >= DROPOUT) / np.float32(1 - DROPOUT)
    hidden = np.maximum(before, 0) * kept
    weight = weights[chosen] / np.float32(len(chosen))
    loss, by_kind = _cross_entropy(hidden @ head["kinds"] + head["kinds_bias"], examples.kinds[chosen], weight)
    units = examples.units[chosen]
    unit_weight = np.where(units >= 0, weight * np.float32(UNIT_SHARE), np.float32(0))
    _, by_unit = _cross_entropy(hidden @ head["units"] + head["units_bias"], np.maximum(units, 0), unit_weight)
    back = (by_kind @ head["kinds"].T + by_unit @ head["units"].T) * kept * (before > 0)
    return loss, {
        "hidden": seen.T @ back,
        "hidden_bias": back.sum(axis=0),
        "kinds": hidden.T @ by_kind,
        "kinds_bias": by_kind.sum(axis=0),
        "units": hidden.T @ by_unit,
        "units_bias": by_unit.sum(axis=0),
    }


def _cross_entropy(scores: Floats, truth: Ints, weight: Floats) -> tuple[float, Floats]:
    """Return the weighted loss, and its gradient by the scores."""
    share = _softmax(scores)
    target = np.full_like(share, SMOOTHING / share.shape[1])
    target[np.arange(len(truth)), truth] += 1 - SMOOTHING
    loss = -(target * np.log(share + 1e-9)).sum(axis=1) @ weight
    return float(loss), (share - target) * weight[:, np.newaxis]


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


class _Adam:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019); the rate rises for a tenth, then falls to zero."""

    def __init__(self, parameters: dict[str, Floats], steps: int) -> None:
        self._parameters = parameters
        self._steps = max(steps, 1)
        self._done = 0
        self._means = {name: np.zeros_like(array) for name, array in parameters.items()}
        self._squares = {name: np.zeros_like(array) for name, array in parameters.items()}

    def move(self, gradients: dict[str, Floats]) -> None:
        self._done += 1
        share = self._done / self._steps
        rate = RATE * min(share / 0.1, 0.5 * (1 + np.cos(np.pi * min(share, 1.0))))
        for name, gradient in gradients.items():
            mean, square = self._means[name], self._squares[name]
            mean += 0.1 * (gradient - mean)
            square += 0.001 * (np.square(gradient) - square)
            step = mean / (1 - 0.9**self._done) / (np.sqrt(square / (1 - 0.999**self._done)) + 1e-8)
            self._parameters[name] -= (rate * (step + DECAY * self._parameters[name])).astype(np.float32)
