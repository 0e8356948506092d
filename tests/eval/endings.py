"""Endings: what came of the turns, as figures: how often the person was cut off, how long the end took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.eval import confidence
from tests.eval.turns import Score, Turned

Figures = dict[str, Any]


def operating_point(turned: Sequence[Turned], seed: int) -> Figures:
    """Return the figures of the policy as it ships."""
    return figures([one.score for one in turned], [one.clip.group for one in turned], seed)


def figures(scores: Sequence[Score], groups: Sequence[str], seed: int) -> Figures:
    """Return the figures of one policy."""
    cuts = np.array([score.cuts for score in scores], dtype=np.float64)
    holds = np.array([score.holds for score in scores], dtype=np.float64)
    ended = [
        (score.latency_ms, group) for score, group in zip(scores, groups, strict=True) if score.latency_ms is not None
    ]
    latencies = np.array([latency for latency, _ in ended], dtype=np.float64)
    found: Figures = {"cutoff_rate": None, "cutoff_rate_ci": [None, None], "mean_latency_ms": None}
    if holds.sum():
        counted = confidence.weights(groups, seed)
        rate = float(cuts.sum() / holds.sum())
        with np.errstate(invalid="ignore", divide="ignore"):
            found["cutoff_rate_ci"] = confidence.interval((counted @ cuts) / (counted @ holds))
        if rate in (0.0, 1.0):  # resampling says nothing then
            speakers = {group for group, pauses in zip(groups, holds, strict=True) if pauses}
            count = len(speakers) if confidence.unit(groups) == "speaker" else int(holds.sum())
            found["cutoff_rate_ci"] = confidence.wilson(rate, count)
        found["cutoff_rate"] = round(rate, 4)
    if ended:
        of_ends = [group for _, group in ended]
        counted = confidence.weights(of_ends, seed)
        found["mean_latency_ms"] = round(float(latencies.mean()), 1)
        found["mean_latency_ms_ci"] = confidence.interval(counted @ latencies / counted.sum(axis=1))
    for q in (50, 90):
        found[f"p{q}_latency_ms"] = round(float(np.percentile(latencies, q)), 1) if ended else None
    return found | {
        "cut": int(sum(sum(score.cut) for score in scores)),
        "early": int(sum(score.early for score in scores)),
        "missed": int(sum(score.missed for score in scores)),
        "cluster": confidence.unit(groups) if groups else "clip",
    }
