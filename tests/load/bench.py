"""Bench: the whole measurement: a ring, a load, one step after another, then the search for the limit of one core."""

from __future__ import annotations

import asyncio
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.load import costs
from tests.load.figures import Figures
from tests.load.load_process import LoadError, LoadProcess, NotHeld
from tests.load.outcome import LIMIT_MS, as_try, in_brief, is_disturbed, is_held, problems
from tests.load.ring_under_load import MeasuredRing, placement
from tests.load.search import MOST_TRIES, CapacitySearch
from tests.load.talk import Talk, TalkPlan

MOST_LOAD_SHARE: Final = 0.2
_WARM_UP: Final = (1, 3.0)
_AROUND_S: Final = 6.0
"""What a step takes beside its window: opening, settling, hanging up, judging."""

_PATIENCE_S: Final = 120.0
_LAST_WORDS_S: Final = 1.5
"""How long ingress may take to say how the last conversations went."""


@dataclass(frozen=True)
class Plan:
    """What is to be measured. `search_s` 0 leaves the search out, no `talk` the talk with the engine."""

    sessions: Sequence[int]
    seconds: float
    search_s: float
    buffer_ms: int = 60
    data: Path | None = None
    logs: Path | None = None
    profiled: str = ""
    profile: Path | None = None
    talk: TalkPlan | None = None

    @property
    def expected_s(self) -> float:
        """How long it will take, about."""
        steps = len(self.sessions) * (self.seconds + _AROUND_S)
        search = MOST_TRIES * (self.search_s + _AROUND_S) if self.search_s else 0
        return 12 + steps + search + (self.talk.expected_s if self.talk else 0)


class Bench:
    """`report = await Bench(plan, tell).run()`; `tell` is given a line of text for each thing that happens.

    Raises StartFault, NoRedisError, LoadError: it can't be measured at all.
    """

    def __init__(self, plan: Plan, tell: Callable[[str], None]) -> None:
        self._plan = plan
        self._tell = tell
        self._begun_s = time.monotonic()
        self._baseline: dict[str, float] = {}
        self._problems: list[str] = []

    async def run(self) -> dict[str, Any]:
        """Measure everything; return the report."""
        plan, (ring_cores, load_core) = self._plan, placement()
        os.sched_setaffinity(0, ring_cores)  # the ring's processes inherit it; this one only waits
        synthetic_talk = plan.talk is not None and plan.talk.synthetic
        async with LoadProcess(load_core, plan.data, synthetic_talk=synthetic_talk) as load:
            report = self._about(ring_cores, load_core)
            if plan.sessions:
                report |= await self._crowds(load, ring_cores, load_core)
            if plan.talk is not None:
                talk = Talk(plan.talk, load, plan.buffer_ms, plan.logs, self._note)
                report["talk"] = await talk.run(ring_cores | {load_core})
                self._problems += talk.problems
        return report | {"problems": self._problems, "took_s": round(time.monotonic() - self._begun_s)}

    async def _crowds(self, load: LoadProcess, ring_cores: set[int], load_core: int) -> dict[str, Any]:
        """Measure the ring before the fake model."""
        plan = self._plan
        self._note(f"the voice: {load.voice}; starting the ring")
        ring = MeasuredRing(load.model_url, plan.logs, plan.profiled, plan.profile)
        async with ring:
            await self._hold(load, ring, *_WARM_UP)
            self._baseline = costs.memory_of(ring.pids)
            steps = await self._steps(load, ring)
            await asyncio.sleep(_LAST_WORDS_S)
            counters = ring.counters()
            report = self._report(steps) | {"voice": load.voice, "ring_counters": counters}
            if plan.search_s:
                report |= await self._search(load, ring, steps, ring_cores)
            self._problems += [f"{name} died {ring.restarts(name)} times" for name in ring.pids if ring.restarts(name)]
        return report

    async def _steps(self, load: LoadProcess, ring: MeasuredRing) -> dict[int, Figures]:
        """Measure each number of conversations; leave out those that could not be opened."""
        steps = {}
        for count in self._plan.sessions:
            found = await self._step(load, ring, count)
            if "counts" in found:
                steps[count] = found
        if not steps:
            more = "With --logs FOLDER what the services print is kept."
            raise LoadError("\n".join(["nothing could be measured:", *self._problems, more]))
        return steps

    async def _step(self, load: LoadProcess, ring: MeasuredRing, count: int) -> Figures:
        self._note(f"{count} conversation{'s' * (count > 1)} for {self._plan.seconds:g} s")
        found = await self._hold(load, ring, count, self._plan.seconds)
        if "counts" not in found:
            self._problems.append(f"at {count}: {in_brief(found)}")
            return found
        memory = found.pop("memory_mb")
        per_session = {name: round((mb - self._baseline[name]) / count, 3) for name, mb in memory.items()}
        found["rss_mb_per_session"] = {**per_session, "total": round(sum(per_session.values()), 3)}
        found["rss_mb"] = memory
        found["disturbed"] = is_disturbed(found)
        self._problems += [f"at {count}: {problem}" for problem in problems(found)]
        self._note(in_brief(found))
        return found

    async def _search(
        self, load: LoadProcess, ring: MeasuredRing, steps: dict[int, Figures], ring_cores: set[int]
    ) -> dict[str, Any]:
        core = min(ring_cores)
        ring.pin({core})
        largest = max((count for count, found in steps.items() if is_held(found)), default=min(steps))
        search = CapacitySearch(steps[largest]["cpu_s_per_conversation_s"]["total"])
        tries: dict[str, Any] = {}
        if len(ring_cores) == 1:  # then the steps were measured on one core, too
            trusted = {count: found for count, found in steps.items() if is_held(found) or not is_disturbed(found)}
            search.tries = {count: is_held(found) for count, found in trusted.items()}
        while (count := search.next()) is not None:
            found = await self._try(load, ring, count)
            if not is_held(found) and is_disturbed(found):
                found = await self._try(load, ring, count)
            search.note(count, is_held(found))
            tries[str(count)] = as_try(found)
        ring.pin(ring_cores)
        return {
            "conversations_per_core": search.best,
            "conversations_per_core_search": {"limit_ms": LIMIT_MS, "settled": search.is_settled, "tries": tries},
        }

    async def _try(self, load: LoadProcess, ring: MeasuredRing, count: int) -> Figures:
        self._note(f"{count} conversations on one core for {self._plan.search_s:g} s")
        found = await self._hold(load, ring, count, self._plan.search_s)
        self._note(f"{'held' if is_held(found) else 'not held'}: {in_brief(found)}")
        return found

    async def _hold(self, load: LoadProcess, ring: MeasuredRing, count: int, seconds: float) -> Figures:
        order = {
            "part": "crowd",
            "sessions": count,
            "seconds": seconds,
            "door": ring.websocket,
            "redis": ring.redis_url,
            "pids": ring.pids,
            "cores": ring.cores,
            "buffer_ms": self._plan.buffer_ms,
        }
        try:
            return await load.hold(order, seconds + _PATIENCE_S)
        except NotHeld as refusal:
            return {"faults": [str(refusal)]}

    def _report(self, steps: dict[int, Figures]) -> dict[str, Any]:
        shares = [found["load_share"] for found in steps.values() if found["load_share"] is not None]
        share = max(shares, default=0.0)
        if share >= MOST_LOAD_SHARE:
            self._problems.append(f"the load cost {share:.0%} of what it measured; it may cost {MOST_LOAD_SHARE:.0%}")
        return {
            "sessions": {str(count): found for count, found in steps.items()},
            "load_share": share,
            "load_share_is_fair": share < MOST_LOAD_SHARE,
        }

    def _about(self, ring_cores: set[int], load_core: int) -> dict[str, Any]:
        """Return what can be said beforehand."""
        if load_core in ring_cores:
            self._problems.append("this machine has one core: ring and load were in each other's way")
        return {
            "sessions": {},
            "conversations_per_core": None,
            "machine": {
                "processor": costs.processor(),
                "cores": os.cpu_count(),
                "ring_cores": sorted(ring_cores),
                "load_core": load_core,
                "python": platform.python_version(),
                "kernel": platform.release(),
            },
            "settings": {"seconds": self._plan.seconds, "client_buffer_ms": self._plan.buffer_ms},
        }

    def _note(self, what: str) -> None:
        passed = int(time.monotonic() - self._begun_s)
        expected = int(self._plan.expected_s)
        self._tell(f"{passed // 60}:{passed % 60:02} of {expected // 60}:{expected % 60:02}  {what}")
