"""The verdict: every figure's trend, and what else must hold: nothing failed, cancelled, or left behind."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.soak.guest import Visit
from tests.soak.manners import Act, Leaving
from tests.soak.probe import CANCELLED, KINDS, RING, Look
from tests.soak.trend import Tolerance, Trend, trend_of

TOLERANCES: Final = {
    "rss_mb": Tolerance(share=0.03, plus=4.0),
    "fds": Tolerance(share=0.1, plus=4.0),
    "threads": Tolerance(share=0.0, plus=1.0),
    "tasks": Tolerance(share=0.1, plus=10.0),
    "sessions": Tolerance(share=0.1, plus=2.0),
    "parked": Tolerance(share=0.1, plus=2.0),
    "used_mb": Tolerance(share=0.05, plus=0.5),
    "answer_s": Tolerance(share=0.15, plus=0.1),
    "silence_s": Tolerance(share=0.15, plus=0.03),
    **{f"keys_{kind}": Tolerance(share=0.15, plus=8.0) for kind in (*KINDS, "other")},
}
"""By figure. What is counted on and on is not among them."""

FULL: Final = 0.8
"""So many of the seats at least are taken at a time; in the others somebody comes or goes."""

CLIENTS: Final = "clients"
"""Stands for a process's name where latencies are meant."""


@dataclass(frozen=True)
class Row:
    """One figure of one process; `trend` None: too few samples to say anything."""

    process: str
    figure: str
    trend: Trend | None


@dataclass(frozen=True)
class Goal:
    """Something that must hold."""

    what: str
    found: str
    is_met: bool


def rows(looks: Sequence[Look], visits: Sequence[Visit], began_s: float) -> list[Row]:
    """Return every figure's trend. `began_s` is the moment from which looks count, on the visits' clock."""
    found = []
    for process in looks[0].found if looks else ():
        for figure in looks[0].found[process]:
            if figure in TOLERANCES:
                samples = [(each.at_s, each.found[process][figure]) for each in looks]
                found.append(Row(process, figure, trend_of(samples, TOLERANCES[figure])))
    if looks:
        begin_s, end_s = looks[0].at_s, looks[-1].at_s
        for figure, latencies in (
            ("answer_s", [one for visit in visits for one in visit.answers_s]),
            ("silence_s", [one for visit in visits for one in visit.silences_s]),
        ):
            samples = sorted((at_s - began_s, took_s) for at_s, took_s in latencies)
            within = [sample for sample in samples if begin_s <= sample[0] <= end_s]
            found.append(Row(CLIENTS, figure, trend_of(within, TOLERANCES[figure])))
    return found


def goals(
    found: Sequence[Row], looks: Sequence[Look], visits: Sequence[Visit], left: Sequence[str], seats: int
) -> list[Goal]:
    """Hold everything against what must be. `seats`: how many conversations there were to be all the time."""
    growing = [f"{row.process} {row.figure}" for row in found if row.trend is not None and row.trend.grows]
    unsaid = [f"{row.process} {row.figure}" for row in found if row.trend is None]
    failed = [visit.failure for visit in visits if visit.failure]
    cut, seated = cancelled(looks), _seated(looks, seats)
    broken = broken_connections(visits)
    return [
        Goal("nothing grows", ", ".join(growing) or "nothing", not growing),
        Goal("of everything there are enough samples", ", ".join(unsaid) or "yes", not unsaid),
        Goal("every conversation is held to its end", "; ".join(failed[:3]) or f"{len(visits)} were", not failed),
        Goal(
            "no gRPC read is cancelled but of a client that breaks off",
            f"{sum(cut.values()):g} of {len(visits)} conversations, in which clients broke off {broken} times",
            cut["ingress"] <= broken and not any(cut[name] for name in RING if name != "ingress"),
        ),
        Goal("the seats are never empty", f"{seated:.0%} of them were taken", seated >= FULL),
        Goal("nothing is left behind", "; ".join(left) or "nothing", not left),
    ]


def cancelled(looks: Sequence[Look]) -> dict[str, float]:
    """Return how many reads each process has cancelled, or had cut off, between the first look and the last."""
    if not looks:
        return dict.fromkeys(RING, 0.0)
    return {name: looks[-1].found[name][CANCELLED] - looks[0].found[name][CANCELLED] for name in RING}


def _seated(looks: Sequence[Look], seats: int) -> float:
    """Return which share of the seats was taken, by the median of what ingress held but for those who had gone."""
    held = [each.found["ingress"]["sessions"] - each.found["ingress"]["parked"] for each in looks]
    return statistics.median(held) / seats if held else 0.0


def broken_connections(visits: Sequence[Visit]) -> int:
    """Return how often a client's connection broke without a word."""
    return sum(visit.done[kind] for visit in visits for kind in (Act.BREAK.value, Leaving.VANISH.value))
