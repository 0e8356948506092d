"""A run of the measurements: what was found, what could not be measured here, and what went wrong."""

from __future__ import annotations

import argparse
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from tests.clients.failures import FAILURES, words_of
from tests.clients.kinds import KINDS, Kind
from tests.clients.measures import LATE, Gaps, Pulled, measure_gaps, measure_pull
from tests.clients.report import (
    HEAD,
    LATE_P95_MS,
    LATE_P99_MS,
    LOOPBACK_P99_MS,
    Figure,
    as_json,
    gap_figures,
    pull_figures,
    silence_figures,
)
from tests.clients.silences import measure_silence
from tests.clients.stage import Stage
from tests.esp32.program import BuildFault
from tests.net.net import Net
from tests.net.rule import Rule

T = TypeVar("T")
_LATE_GOALS: Final = {0.95: LATE_P95_MS, 0.99: LATE_P99_MS}
NETWORKS: Final[dict[str, tuple[str, Rule | None, dict[float, float], bool]]] = {
    "loopback": ("loopback", None, {0.99: LOOPBACK_P99_MS}, True),
    "late": ("30±20 ms, 1 %", LATE, _LATE_GOALS, True),
    "usual": ("30±20 ms, 1 %, Opus", LATE, _LATE_GOALS, False),
}
"""Where replies are interrupted: how the network is called, what it does, the goals by quantile, and whether replies
come so that each sample tells where it stands."""
MEASURES: Final = (*NETWORKS, "pull", "gaps")


class Session:
    """What is measured, and what came of it so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.figures: list[Figure] = []
        self.missing: dict[str, str] = {}
        """What can't be measured here."""
        self.problems: list[str] = []
        """What was tried and went wrong; the figures count it as missed."""

    async def run(self, stage: Stage) -> None:
        """Measure all clients that can be started here."""
        print(HEAD, flush=True)
        for kind in KINDS:
            if kind.name not in self.options.clients:
                continue
            if why := kind.obstacle():
                self.missing[kind.name] = why
                print(f"{kind.name}: not measured: {why}", flush=True)
                continue
            try:
                kind.command(stage.server)
            except BuildFault as fault:
                self._note(kind.name, str(fault))
                continue
            await self._measure(stage, kind)

    @property
    def met(self) -> bool:
        """Whether all goals are met and nothing went wrong."""
        return bool(self.figures) and all(figure.met for figure in self.figures) and not self.problems

    def write(self, path: Path) -> None:
        """Write down all there is so far."""
        report = as_json(self.figures, self.missing, self.problems)
        path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8")

    async def _measure(self, stage: Stage, kind: Kind) -> None:
        """Measure one client; what fails is said and missed, and the rest goes on."""
        name, options = kind.name, self.options
        for measure, (network, rule, goals, exact) in NETWORKS.items():
            wanted = measure in options.only and (exact or kind.exact)  # else it has PCM16 in any case
            if wanted and (rule is None or stage.net is not None):
                found = await measure_silence(stage, kind, rule, options.rounds, exact=exact)
                for problem in found.problems:
                    self._note(f"{name} {measure}", problem)
                self._show(silence_figures(name, network, found, goals))
        if stage.net is None:
            if set(options.only) - {"loopback"}:
                self.missing[f"{name} on bad networks"] = Net.obstacle()
            return
        if "pull" in options.only:
            pulls = await self._each(f"{name} pull", options.pulls, lambda: measure_pull(stage, kind), Pulled)
            self._show(pull_figures(name, pulls))
        if "gaps" in options.only:
            gaps = await self._each(f"{name} gaps", options.sagas, lambda: measure_gaps(stage, kind), Gaps)
            self._show(gap_figures(name, gaps))

    async def _each(
        self, what: str, count: int, measure: Callable[[], Awaitable[T]], missed: Callable[[], T]
    ) -> list[T]:
        found = []
        for _ in range(count):
            try:
                found.append(await measure())
            except FAILURES as problem:
                self._note(what, words_of(problem))
                found.append(missed())
        return found

    def _note(self, what: str, problem: str) -> None:
        self.problems.append(f"{what}: {problem}")
        print(f"{what}: missed: {problem}", flush=True)

    def _show(self, figures: Sequence[Figure]) -> None:
        self.figures += figures
        for figure in figures:
            print(figure.line, flush=True)
