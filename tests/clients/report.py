"""What was found, as a table for people and as JSON, each figure beside its goal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tests.clients.measures import Gaps, Pulled, Silences
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
    goal: float
    unit: str = "ms"
    of: int = 1
    """How many measurements it is of."""

    @property
    def met(self) -> bool:
        """Whether it is as good as it should be."""
        return self.value <= self.goal

    @property
    def line(self) -> str:
        """As a line of the table."""
        met = "met" if self.met else "MISSED"
        return (
            f"{self.client:<9}{self.what:<52}{self.value:>9.1f} {self.unit:<3}{self.goal:>9.1f}  {met:<7}{self.of:>5}"
        )


HEAD: Final = f"{'client':<9}{'figure':<52}{'found':>9}    {'goal':>9}  {'':<7}{'of':>5}"


def silence_figures(client: str, network: str, found: Silences, goals: dict[float, float]) -> list[Figure]:
    """Return the figures of interrupted replies; `goals` by quantile. What has a goal and was never seen misses it."""
    count = len(found.silent_ms)
    figures = [
        Figure(client, f"silence after a decision, {network}, p{share * 100:.0f}", value, goal, of=count)
        for share in (0.5, 0.95, 0.99)
        if count or share in goals
        for value, goal in ((_quantile(found.silent_ms, share), goals.get(share, float("inf"))),)
    ]
    figures.append(Figure(client, f"stop keys unheeded, {network}", found.unheeded, 0, "", count))
    worst = max(found.apart_ms, default=float("inf"))
    what = f"history against the speaker, {network}, worst"
    figures.append(Figure(client, what, worst, TRUNCATION_MS, of=len(found.apart_ms)))
    return figures


def pull_figures(client: str, found: list[Pulled]) -> list[Figure]:
    """Return the figures of pulled networks."""
    worst = max(pulled.back_ms for pulled in found)
    broken = sum(not (pulled.whole and pulled.in_history and pulled.same) for pulled in found)
    return [
        Figure(client, "sound after the network's return (5 s away), worst", worst, BACK_MS, of=len(found)),
        Figure(client, "of these with a word lost or said twice", broken, 0, "", of=len(found)),
    ]


def gap_figures(client: str, found: list[Gaps]) -> list[Figure]:
    """Return the figures of lossy networks."""
    share = sum(gaps.share for gaps in found) / len(found)
    return [
        Figure(
            client, "gaps at 5 % loss, 150 ms jitter, of playing time", share * 100, GAPS_SHARE * 100, "%", len(found)
        ),
        Figure(client, "replies not whole there", sum(not gaps.whole for gaps in found), 0, "", len(found)),
    ]


def _quantile(values: list[float], share: float) -> float:
    return quantile(values, share) if values else float("inf")


def as_json(figures: list[Figure], missing: dict[str, str]) -> dict[str, Any]:
    """Return all of it for machines."""
    rows = [
        {
            "client": figure.client,
            "figure": figure.what,
            "found": None if figure.value == float("inf") else round(figure.value, 2),
            "unit": figure.unit,
            "goal": None if figure.goal == float("inf") else figure.goal,
            "met": figure.met,
            "of": figure.of,
        }
        for figure in figures
    ]
    return {"figures": rows, "not_measured": missing}
