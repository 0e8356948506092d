"""The head's fit: logistic regression on what the end-of-turn model makes of an example, held back by a ridge.

The ridge is strong on purpose. Broken-off speech is easier to tell than a pause for thought, and a head that is let go
learns to tell that instead. Every source counts alike, and ends as much as the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RIDGE: Final = 20_000.0
"""Calls that were left out did best with 3,000 to 10,000, the evaluation set (which is looked at here, so is no proof)
with 40,000; `README.md` has the figures."""
SOURCE_WEIGHT: Final = 500.0
"""What the ends of one source weigh together, in examples; so do all its others."""


@dataclass(frozen=True)
class Examples:
    """What the model made of N examples."""

    pooled: Floats
    """[N, 384]"""
    bare: Floats
    """Its own log odds, [N]."""
    is_end: NDArray[np.bool_]
    is_natural: NDArray[np.bool_]
    source: NDArray[np.str_]

    def only(self, rows: NDArray[np.bool_]) -> Examples:
        """Return some of them."""
        return Examples(*(column[rows] for column in vars(self).values()))


def fit(examples: Examples, ridge: float = RIDGE, rounds: int = 12) -> tuple[Floats, float]:
    """Return the weights [384] and the bias of the log odds, by Newton's method."""
    mean, scale = examples.pooled.mean(axis=0), examples.pooled.std(axis=0) + 1e-3
    inputs = np.column_stack([(examples.pooled - mean) / scale, np.ones(len(examples.bare))])
    counts = weigh(examples)
    penalty = np.append(np.full(inputs.shape[1] - 1, ridge), 1e-6)
    head = np.zeros(inputs.shape[1])
    for _ in range(rounds):
        chance = 1.0 / (1.0 + np.exp(-inputs @ head))
        slope = inputs.T @ (counts * (chance - examples.is_end)) + penalty * head
        bend = (inputs * (counts * chance * (1.0 - chance))[:, np.newaxis]).T @ inputs + np.diag(penalty)
        head -= np.linalg.solve(bend, slope)
    weights = head[:-1] / scale
    return weights, float(head[-1] - mean @ weights)


def weigh(examples: Examples) -> Floats:
    """Return what each example counts for."""
    counts = np.zeros(len(examples.bare))
    for source in np.unique(examples.source):
        for is_end in (True, False):
            rows = (examples.source == source) & (examples.is_end == is_end)
            counts[rows] = SOURCE_WEIGHT / max(int(rows.sum()), 1)
    return counts


def calibrate(odds: Floats, is_end: NDArray[np.bool_], counts: Floats) -> tuple[float, float]:
    """Return factor and offset that make log odds mean what they say (Platt 1999), by Newton's method."""
    inputs = np.column_stack([odds, np.ones(len(odds))])
    line = np.zeros(2)
    for _ in range(25):
        chance = 1.0 / (1.0 + np.exp(-inputs @ line))
        bend = (inputs * (counts * chance * (1.0 - chance))[:, np.newaxis]).T @ inputs
        line -= np.linalg.solve(bend + 1e-6 * np.eye(2), inputs.T @ (counts * (chance - is_end)))
    return float(line[0]), float(line[1])


def area(odds: Floats, is_end: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve: how often an end has higher odds than what is none."""
    ranks = np.argsort(np.argsort(odds)) + 1.0
    ends, others = int(is_end.sum()), int((~is_end).sum())
    return float((ranks[is_end].sum() - ends * (ends + 1) / 2) / max(ends * others, 1))
