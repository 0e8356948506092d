"""Sweep: the trade between cutting people off and keeping them waiting, over many settings of a policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.eval import confidence
from tests.eval.turns import Score

CUTOFFS: Final = (0.05, 0.10)
LATENCIES_MS: Final = (300, 600)

Figures = dict[str, Any]
Floats = NDArray[np.float64]


@dataclass
class Sweep:
    """What every setting came to on every turn: [settings, turns]."""

    cuts: Floats
    holds: Floats
    latency_ms: Floats
    """NaN where the clip has no end."""
    groups: list[str]

    @classmethod
    def of(cls, scores: Sequence[Sequence[Score]], groups: Sequence[str]) -> Sweep:
        """Arrange scores: a row for each setting, a score in it for each turn."""
        latency = [[np.nan if one.latency_ms is None else one.latency_ms for one in row] for row in scores]
        return cls(
            np.array([[one.cuts for one in row] for row in scores], dtype=np.float64),
            np.array([[one.holds for one in row] for row in scores], dtype=np.float64),
            np.array(latency, dtype=np.float64),
            list(groups),
        )

    def totals(self, counted: Floats) -> tuple[Floats, Floats]:
        """Return (cut-off rate, mean latency in ms), [rounds, settings], with each turn counted so often."""
        ended = np.isfinite(self.latency_ms[0])
        with np.errstate(invalid="ignore", divide="ignore"):
            rate = (counted @ self.cuts.T) / (counted @ self.holds.T)
            latency = (counted[:, ended] @ self.latency_ms[:, ended].T) / counted[:, ended].sum(axis=1, keepdims=True)
        return rate, latency

    def frontier(self) -> list[int]:
        """Return the settings that no other beats in both, from the fewest cut-offs on."""
        rate, latency = (found[0] for found in self.totals(np.ones((1, len(self.groups)))))
        best: list[int] = []
        for number in np.lexsort((latency, rate)):
            is_known = np.isfinite(rate[number]) and np.isfinite(latency[number])
            if is_known and (not best or latency[number] < latency[best[-1]]):
                best.append(int(number))
        return best

    def figures(self, seed: int) -> Figures:
        """Return the latencies at some cut-off rates and the cut-off rates at some latencies, with their intervals."""
        once = self.totals(np.ones((1, len(self.groups))))
        rounds = self.totals(confidence.weights(self.groups, seed))
        found: Figures = {"latency_ms_at_cutoff": {}, "cutoff_at_latency_ms": {}}
        found |= {"latency_ms_at_cutoff_ci": {}, "cutoff_at_latency_ms_ci": {}}
        for bound in CUTOFFS:
            (value,), key = _least(once[1], once[0], bound), f"{bound:.2f}"
            found["latency_ms_at_cutoff"][key] = _rounded(value, 1)
            found["latency_ms_at_cutoff_ci"][key] = confidence.interval(_least(rounds[1], rounds[0], bound))
        for bound_ms in LATENCIES_MS:
            (value,), key = _least(once[0], once[1], bound_ms), str(bound_ms)
            found["cutoff_at_latency_ms"][key] = _rounded(value, 4)
            found["cutoff_at_latency_ms_ci"][key] = confidence.interval(_least(rounds[0], rounds[1], bound_ms))
        return found | {"curve": self.curve(), "settings_tried": len(self.cuts)}

    def curve(self) -> list[list[float]]:
        """Return the frontier as [cut-off rate, mean latency in ms]."""
        rate, latency = (found[0] for found in self.totals(np.ones((1, len(self.groups)))))
        return [[round(float(rate[n]), 4), round(float(latency[n]), 1)] for n in self.frontier()]

    def crossed(self, halves: Sequence[str]) -> Figures:
        """Return what settings chosen on one half of the speakers come to on the other, both ways together.

        For each cut-off rate that was asked for: the one that was met, and the mean latency.
        """
        found: Figures = {}
        masks = [np.array([[half == wanted for half in halves]], dtype=np.float64) for wanted in "ab"]
        for bound in CUTOFFS:
            cuts = holds = late = ends = 0.0
            for chosen_on, met_on in (masks, masks[::-1]):
                rate, latency = (one[0] for one in self.totals(chosen_on))
                allowed = np.where(rate <= bound, latency, np.inf)
                if not np.isfinite(allowed).any():
                    break
                best, on = int(np.argmin(allowed)), met_on[0]
                cuts += float(self.cuts[best] @ on)
                holds += float(self.holds[best] @ on)
                late += float(np.nansum(self.latency_ms[best] * on))
                ends += float(np.isfinite(self.latency_ms[best]) @ on)
            else:
                if holds and ends:
                    found[f"{bound:.2f}"] = {
                        "cutoff_rate": round(cuts / holds, 4),
                        "mean_latency_ms": round(late / ends, 1),
                    }
                    continue
            found[f"{bound:.2f}"] = None
        return found


def _least(wanted: Floats, bounded: Floats, bound: float) -> Floats:
    """Return the least of one figure where the other keeps its bound, for each round; NaN where it is kept nowhere."""
    with np.errstate(invalid="ignore"):
        allowed = np.where((bounded <= bound) & np.isfinite(wanted), wanted, np.inf)
    least = allowed.min(axis=1)
    return np.where(np.isfinite(least), least, np.nan)


def _rounded(value: float, digits: int) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None
