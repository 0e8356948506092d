"""Confidence: 95 % intervals by resampling speakers (or sources), because clips of one speaker are not independent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.eval.audio import generator

ROUNDS: Final = 1_000
QUANTILE_ROUNDS: Final = 250
LEAST_GROUPS: Final = 5
"""With fewer speakers than this, clips are resampled instead: two voices say nothing of a third."""
_Z: Final = 1.96

Floats = NDArray[np.float64]


def unit(groups: Sequence[str]) -> str:
    """Return what is resampled: "speaker" or "clip"."""
    return "speaker" if len(set(groups)) >= LEAST_GROUPS else "clip"


def weights(groups: Sequence[str], seed: int) -> Floats:
    """Return how often each clip counts in each of the rounds, [ROUNDS, clips]."""
    random = generator(seed, "bootstrap")
    if unit(groups) == "clip":
        return random.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), ROUNDS).astype(np.float64)
    names, of_clip = np.unique(np.array(groups), return_inverse=True)
    counts = random.multinomial(len(names), np.full(len(names), 1 / len(names)), ROUNDS)
    return np.asarray(counts[:, of_clip], dtype=np.float64)


def interval(values: Sequence[float | None] | Floats) -> list[float | None]:
    """Return the middle 95 % of what the rounds found; [None, None] if most found nothing."""
    found = np.array([value for value in values if value is not None], dtype=np.float64)
    found = found[np.isfinite(found)]
    if len(found) < len(values) / 2 or not len(found):
        return [None, None]
    low, high = np.percentile(found, (2.5, 97.5))
    return [round(float(low), 4), round(float(high), 4)]


def share(hits: Sequence[bool], groups: Sequence[str], seed: int) -> dict[str, Any]:
    """Return {"value", "ci", "cluster"} of a share.

    Where every clip went the same way, resampling says nothing: then it is Wilson's interval, each speaker (or clip,
    where clips are the unit) counted once.
    """
    if not hits:
        return {"value": None, "ci": [None, None], "cluster": "clip"}
    values = np.array(hits, dtype=np.float64)
    value = float(values.mean())
    if value in (0.0, 1.0):
        ci = wilson(value, len(set(groups)) if unit(groups) == "speaker" else len(groups))
    else:
        counted = weights(groups, seed)
        ci = interval(counted @ values / counted.sum(axis=1))
    return {"value": round(value, 4), "ci": ci, "cluster": unit(groups)}


def wilson(share: float, count: int) -> list[float | None]:
    """Return the interval of a share of so many independent things.

    Wilson, 1927, "Probable inference, the law of succession, and statistical inference".
    """
    middle = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    reach = _Z / (1 + _Z**2 / count) * np.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    return [round(max(float(middle - reach), 0.0), 4), round(min(float(middle + reach), 1.0), 4)]


def quantile(
    values: Sequence[float], groups: Sequence[str], seed: int, percent: int
) -> tuple[float | None, list[float | None]]:
    """Return a percentile of some values, and its interval."""
    if not values:
        return None, [None, None]
    array = np.array(values, dtype=np.float64)
    counted = weights(groups, seed).astype(int)
    rounds = [float(np.percentile(np.repeat(array, row), percent)) for row in counted[:QUANTILE_ROUNDS]]
    return round(float(np.percentile(array, percent)), 1), interval(rounds)
