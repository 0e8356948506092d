"""One run of the chaos: undisturbed conversations first, then the faults, then the report."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.chaos import figures, report
from tests.chaos.cleanliness import leftovers
from tests.chaos.cluster import FAULTS
from tests.chaos.matrix import KILLS, TAKES_S, UNDISTURBED, pairwise, play, play_overlapping, whole
from tests.chaos.round import Plan
from tests.chaos.score import Score, score, waits
from tests.chaos.setting import Setting, open_setting
from tests.chaos.storm import Storm, StormPlan
from tests.chaos.takes import Take
from tests.load.report import save
from tests.net.net import Net

_UNDISTURBED_ROUNDS: Final = 2
_SHORT_TAKES_S: Final = 5.5


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    out: Path
    only: tuple[str, str] | None = None
    """A stage, and a fault or ""."""
    short: bool = False
    storm: StormPlan | None = None
    repeat: int | None = None
    net: bool = True
    logs: Path | None = None


class Chaos:
    """`is_well = await Chaos(options, tell).run()`."""

    def __init__(self, options: Options, tell: Callable[[str], None]) -> None:
        self._options = options
        self._tell = tell
        self._calm: list[Take] = []
        self._takes: list[Take] = []
        self._usual: dict[int, float] = {}
        self._scores: list[Score] = []
        self._done = self._left = 0
        self._began_s = 0.0

    async def run(self) -> bool:
        """Run, show, save; say whether every goal is met and nothing else went wrong. Raises what a cluster raises."""
        options, began_s = self._options, time.monotonic()
        if options.net and (obstacle := Net.obstacle()):
            self._tell(f"No network of our own here, so partition and slow are left out: {obstacle}.")
        async with open_setting(net=options.net, logs=options.logs) as setting:
            self._tell(f"The cluster is up: {', '.join(setting.cluster.names())}.")
            await self._hold_all(setting)
            calm = [score(take, self._usual) for take in self._calm]
            self._scores = [score(take, self._usual) for take in self._takes]
            troubles = await self._troubles(setting, calm)
        found = self._report(calm, time.monotonic() - began_s, troubles)
        save(found, options.out)
        self._tell(f"\n{report.table(found)}\n")
        for line in [*report.problems(self._scores), *troubles]:
            self._tell(line)
        self._tell(f"\nWritten to {options.out}, after {found['about']['seconds']:.0f} s.")
        return not troubles and all(goal["met"] for goal in found["goals"])

    async def _hold_all(self, setting: Setting) -> None:
        """Hold some conversations in which nothing happens: how long people wait then, and that nothing is lost anyhow.

        Then the others.
        """
        options = self._options
        plans = self._plans(setting.cluster.faults)
        self._left = len(plans)
        await play(setting, [UNDISTURBED] * (1 if options.short else _UNDISTURBED_ROUNDS), self._note)
        if options.short:
            self._began(plans, _SHORT_TAKES_S)
            await play_overlapping(setting, plans, self._note)
        elif options.storm is not None:
            self._takes = await Storm(setting, options.storm, self._tell).hold()
        else:
            self._began(plans, TAKES_S)
            await play(setting, plans, self._note)

    def _began(self, plans: Sequence[Plan], each_s: float) -> None:
        self._began_s = time.monotonic()
        self._tell(f"{len(plans)} faults, about {len(plans) * each_s / 60:.0f} minutes.")

    def _note(self, plan: Plan, takes: Sequence[Take]) -> None:
        """Keep what came of a round, and tell of it."""
        if not plan.stage:
            self._calm += takes
            self._usual = waits(self._calm)
            self._tell(f"{plan.title:<26} {report.summary([score(take, self._usual) for take in takes])}")
            return
        self._takes += takes
        self._left -= 1
        self._done += 1
        left_s = (time.monotonic() - self._began_s) / self._done * self._left
        place = f"[{self._done:>2}/{self._done + self._left}] {plan.title:<18}"
        summary = report.summary([score(take, self._usual) for take in takes])
        self._tell(f"{place} {summary}   ({left_s / 60:.0f} min to go)")

    def _plans(self, faults: Sequence[str]) -> list[Plan]:
        if self._options.short:
            return pairwise(faults)
        plans = whole(faults, self._options.repeat or KILLS)
        if self._options.only is None:
            return plans
        stage, fault = self._options.only
        return [plan for plan in plans if plan.stage == stage and fault in ("", plan.fault)]

    async def _troubles(self, setting: Setting, calm: Sequence[Score]) -> list[str]:
        """Return what else went wrong: it is no figure, and must not be."""
        found = [f"undisturbed: {line}" for line in report.problems(calm)]
        found += setting.journals.violations()
        found += [f"not for the operator's server: {request}" for request in setting.tools.strangers]
        cluster = setting.cluster
        for name in cluster.names():
            if crashes := cluster.crashes(name):
                found.append(f"{name} has ended by itself, {crashes} times")
        if not self._options.short:
            found += await leftovers(cluster)
        return found

    def _report(self, calm: Sequence[Score], seconds: float, troubles: Sequence[str]) -> dict[str, Any]:
        scores = self._scores
        storm = self._options.storm
        return {
            "about": {
                "form": "storm" if storm else "short" if self._options.short else "whole",
                "faults": [fault for fault in FAULTS if any(score.cell.fault == fault for score in scores)],
                "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "cores": os.cpu_count(),
                "seconds": round(seconds, 1),
                "usual_waits_s": {str(line): round(wait_s, 3) for line, wait_s in self._usual.items()},
            },
            "cells": [] if storm else figures.cell_rows(scores),
            "total": figures.total_row(scores),
            "goals": figures.storm_goals(scores) if storm else figures.goals(scores),
            "undisturbed": figures.total_row(calm),
            "runs": [figures.run_row(score) for score in scores],
            "undisturbed_runs": [figures.run_row(score) for score in calm],
            "troubles": list(troubles),
        }
