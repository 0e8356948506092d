"""`make clients OUT=clients.json`: what a person at each client goes through, on good and bad networks.

A real ring before a fake model whose samples tell where they stand; each client as a process, its speaker listened to.
Bad networks need Linux, root and /dev/net/tun; what can't be measured here is said to be. A quiet machine, please: the
figures are of milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

from local.child import StartFault
from local.redis_server import NoRedisError
from tests.clients.kinds import KINDS, Kind
from tests.clients.measures import LATE, measure_gaps, measure_pull, measure_silence
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
from tests.clients.stage import Stage, open_stage
from tests.net.net import Net

T = TypeVar("T")
MEASURES: Final = ("loopback", "late", "pull", "gaps")


class Session:
    """What is measured, and what came of it so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.figures: list[Figure] = []
        self.missing: dict[str, str] = {}
        self.failed = False
        """Whether something is missing that was tried."""

    async def measure(self, stage: Stage, kind: Kind) -> None:
        """Measure one client; what fails is said, and the rest goes on."""
        name, options = kind.name, self.options
        if "loopback" in options.only:
            found = await self._try(f"{name} loopback", lambda: measure_silence(stage, kind, None, options.rounds))
            self._show(silence_figures(name, "loopback", found, {0.99: LOOPBACK_P99_MS}) if found else [])
        if stage.net is None:
            self.missing[f"{name} on bad networks"] = Net.obstacle()
            return
        if "late" in options.only:
            goals = {0.95: LATE_P95_MS, 0.99: LATE_P99_MS}
            found = await self._try(f"{name} late", lambda: measure_silence(stage, kind, LATE, options.rounds))
            self._show(silence_figures(name, "30±20 ms, 1 %", found, goals) if found else [])
        if "pull" in options.only:
            pulls = [await self._try(f"{name} pull", lambda: measure_pull(stage, kind)) for _ in range(options.pulls)]
            if done := [pulled for pulled in pulls if pulled]:
                self._show(pull_figures(name, done))
        if "gaps" in options.only:
            gaps = [await self._try(f"{name} gaps", lambda: measure_gaps(stage, kind)) for _ in range(options.sagas)]
            if heard := [one for one in gaps if one]:
                self._show(gap_figures(name, heard))

    async def _try(self, what: str, measure: Callable[[], Awaitable[T]]) -> T | None:
        try:
            return await measure()
        except (TimeoutError, OSError, StopIteration, ValueError) as problem:
            self.failed = True
            notes = "; ".join(getattr(problem, "__notes__", []))
            self.missing[what] = f"{type(problem).__name__} {problem} {notes}".strip()
            print(f"{what}: not measured: {self.missing[what]}", flush=True)
            return None

    def _show(self, figures: list[Figure]) -> None:
        self.figures += figures
        for figure in figures:
            print(figure.line, flush=True)


async def run(session: Session) -> None:
    """Measure all clients that can be started here. Raises StartFault, NoRedisError."""
    async with open_stage() as stage:
        print(HEAD, flush=True)
        for kind in KINDS:
            if kind.name not in session.options.clients:
                continue
            if why := kind.obstacle():
                session.missing[kind.name] = why
                print(f"{kind.name}: not measured: {why}", flush=True)
                continue
            await session.measure(stage, kind)


def main() -> int:
    """Measure; return 1 where a goal is missed, a measurement failed, or nothing could be measured."""
    names = [kind.name for kind in KINDS]
    parser = argparse.ArgumentParser(
        "make clients", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="where the figures go, as JSON")
    parser.add_argument("--clients", nargs="+", choices=names, default=names, help="which ones (all)")
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=MEASURES, help="what is measured (all)")
    parser.add_argument("--rounds", type=int, default=150, help="interrupted replies on each network (150)")
    parser.add_argument("--pulls", type=int, default=5, help="how often the network is pulled (5)")
    parser.add_argument("--sagas", type=int, default=2, help="minutes of reply on the lossy network (2)")
    session = Session(parser.parse_args())
    try:
        asyncio.run(run(session))
    except (StartFault, NoRedisError) as fault:
        print(fault, file=sys.stderr)
        return 1
    if session.options.out:
        report = as_json(session.figures, session.missing)
        session.options.out.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8")
    met = bool(session.figures) and all(figure.met for figure in session.figures)
    return 0 if met and not session.failed else 1


if __name__ == "__main__":
    sys.exit(main())
