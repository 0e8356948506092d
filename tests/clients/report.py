"""What was found, as a table for people and as JSON, each figure beside its goal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.clients.measures import Gaps, Pulled
from tests.clients.silences import Silences
from tests.clients.sound_track import quantile

LOOPBACK_P99_MS: Final = 50.0
LATE_P95_MS: Final = 120.0
LATE_P99_MS: Final = 250.0
TRUNCATION_MS: Final = 20.0
BACK_MS: Final = 1000.0
GAPS_SHARE: Final = 0.005


@dataclass(frozen=True)
class Figure:
    """One figure of one client."""

    client: str
    what: str
    value: float
    """Infinite where so much was missed that there is none."""
    goal: float
    unit: str = "ms"
    tried: int = 1
    """How many measurements it is of; those that were missed count as endless."""
    missed: int = 0
    """How many of these came to nothing."""

    @property
    def met(self) -> bool:
        """Whether it is as good as it should be."""
        return self.value <= self.goal

    @property
    def line(self) -> str:
        """As a line of the table."""
        met = "met" if self.met else "MISSED"
        return (
            f"{self.client:<9}{self.what:<52}{self.value:>9.1f} {self.unit:<3}{self.goal:>9.1f}  {met:<7}"
            f"{self.tried:>6}{self.missed:>7}"
        )


HEAD: Final = f"{'client':<9}{'figure':<52}{'found':>9}    {'goal':>9}  {'':<7}{'tried':>6}{'missed':>7}"


def silence_figures(client: str, network: str, found: Silences, goals: dict[float, float]) -> list[Figure]:
    """Return the figures of interrupted replies; `goals` by quantile."""
    if not found.tried:
        return []
    silent = (found.tried, _missed(found.silent_ms))
    figures = [
        Figure(
            client,
            f"silence after a decision, {network}, p{share * 100:.0f}",
            quantile(found.silent_ms, share),
            goals.get(share, math.inf),
            "ms",
            *silent,
        )
        for share in (0.5, 0.95, 0.99)
    ]
    figures.append(Figure(client, f"stop keys unheeded, {network}", found.unheeded, 0, "", *silent))
    what, apart = f"history against the speaker, {network}, worst", (found.tried, _missed(found.apart_ms))
    figures.append(Figure(client, what, max(found.apart_ms), TRUNCATION_MS, "ms", *apart))
    return figures


def pull_figures(client: str, found: Sequence[Pulled]) -> list[Figure]:
    """Return the figures of pulled networks."""
    if not found:
        return []
    worst, count = max(pulled.back_ms for pulled in found), (len(found), _missed([each.back_ms for each in found]))
    broken = sum(not (pulled.whole and pulled.in_history and pulled.same) for pulled in found)
    return [
        Figure(client, "sound after the network's return (5 s away), worst", worst, BACK_MS, "ms", *count),
        Figure(client, "of these with a word lost or said twice", broken, 0, "", *count),
    ]


def gap_figures(client: str, found: Sequence[Gaps]) -> list[Figure]:
    """Return the figures of lossy networks."""
    if not found:
        return []
    share, count = sum(gaps.share for gaps in found) / len(found), (len(found), _missed([gap.share for gap in found]))
    what = "gaps at 5 % loss, 150 ms jitter, of playing time"
    return [
        Figure(client, what, share * 100, GAPS_SHARE * 100, "%", *count),
        Figure(client, "replies not whole there", sum(not gaps.whole for gaps in found), 0, "", *count),
    ]


def _missed(values: Sequence[float]) -> int:
    return sum(math.isinf(value) for value in values)


def as_json(figures: Sequence[Figure], missing: dict[str, str], problems: Sequence[str]) -> dict[str, Any]:
    """Return all of it for machines. `found` is null where so much was missed that there is no figure."""
    rows = [
        {
            "client": figure.client,
            "figure": figure.what,
            "found": None if math.isinf(figure.value) else round(figure.value, 2),
            "unit": figure.unit,
            "goal": None if math.isinf(figure.goal) else figure.goal,
            "met": figure.met,
            "tried": figure.tried,
            "missed": figure.missed,
        }
        for figure in figures
    ]
    return {"figures": rows, "not_measured": missing, "problems": list(problems)}
