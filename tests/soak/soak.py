"""The soak: seats that are never empty, somebody who looks at the house all the while, and what comes of it."""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from redis.exceptions import RedisError

from tests.chaos.cleanliness import leftovers
from tests.chaos.cluster import Cluster
from tests.soak.guest import Guest, Visit
from tests.soak.house import RESUME_S, open_house
from tests.soak.manners import manners_of
from tests.soak.probe import RING, Look, look

WARM_UP_S: Final = 90.0
"""Not looked at: caches fill, and the first sessions are forgotten."""
FEWEST_LOOKS: Final = 30
"""A short soak looks more often than every ten seconds."""
_TOLD_S: Final = 60.0
_APART_S: Final = 0.6
"""Between the first guests: they do not all come at once."""
_BETWEEN_S: Final = 0.3
_AGAIN_S: Final = 2.0
"""When who was turned away comes again."""
_LAST_S: Final = 90.0
"""How long the last guests may take."""


@dataclass(frozen=True)
class Plan:
    """How long, how many, how often it is looked."""

    minutes: float = 20.0
    conversations: int = 20
    every_s: float = 10.0
    seed: int = 1
    logs: Path | None = None

    @property
    def look_s(self) -> float:
        """From one look to the next."""
        return min(self.every_s, self.minutes * 60 / FEWEST_LOOKS)


@dataclass
class Record:
    """What was seen and what became of it."""

    plan: Plan
    began_s: float = field(default_factory=time.monotonic)
    looks: list[Look] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    turned_away: int = 0
    """Guests that were not let in, because the processes were late with those they had."""
    left: list[str] = field(default_factory=list)
    crashes: dict[str, int] = field(default_factory=dict)
    worst_lag_ms: float = 0.0
    """Of the guests' own clocks: what else runs on this machine."""

    @property
    def for_s(self) -> float:
        """How long it has lasted."""
        return time.monotonic() - self.began_s


class Soak:
    """`record = await Soak(plan, say).hold()`."""

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._say = say
        self._numbers = itertools.count()
        self._is_over = asyncio.Event()
        self._record = Record(plan)

    async def hold(self) -> Record:
        """Hold it. Raises what starting the house raises."""
        async with open_house(self._plan.logs, lambda text: None) as cluster:
            self._record.began_s = time.monotonic()
            async with asyncio.TaskGroup() as group:
                for seat in range(self._plan.conversations):
                    group.create_task(self._seat(cluster, seat))
                group.create_task(self._watch(cluster))
            self._say("the last guests have gone")
            self._record.left = await leftovers(cluster, patience_s=RESUME_S + 60.0)
            self._record.crashes = {name: n for name in cluster.names() if (n := cluster.crashes(name))}
        return self._record

    async def _seat(self, cluster: Cluster, seat: int) -> None:
        """Have somebody in this seat all the time."""
        await asyncio.sleep(seat * _APART_S)
        doors = (*cluster.doors, *cluster.websockets)
        while not self._is_over.is_set():
            number = next(self._numbers)
            guest = Guest(doors[number % len(doors)], manners_of(self._plan.seed, number))
            visit = await guest.stay()
            if visit.turned_away:
                self._record.turned_away += 1
                await asyncio.sleep(_AGAIN_S)
                continue
            self._record.visits.append(visit)
            self._record.worst_lag_ms = max(self._record.worst_lag_ms, guest.device.worst_lag_ms)
            if visit.failure:
                self._say(f"  conversation {number} was not held to its end: {visit.failure}")
            await asyncio.sleep(_BETWEEN_S)

    async def _watch(self, cluster: Cluster) -> None:
        told_s = -_TOLD_S
        doors = {name: cluster.metrics(name) for name in RING}
        end_s = WARM_UP_S + self._plan.minutes * 60
        due_s = WARM_UP_S
        while due_s <= end_s:
            while self._record.for_s < due_s:
                if self._record.for_s - told_s >= _TOLD_S:
                    told_s = self._record.for_s
                    self._tell(cluster)
                await asyncio.sleep(min(max(due_s - self._record.for_s, 0.0), 1.0))
            try:
                self._record.looks.append(await look(cluster, doors, self._record.for_s))
            except (OSError, TimeoutError, RedisError) as problem:  # ProcessLookupError is an OSError
                self._say(f"  a look was missed: {problem!r}")
            due_s += self._plan.look_s
        self._is_over.set()

    def _tell(self, cluster: Cluster) -> None:
        record = self._record
        answers = [took_s for visit in record.visits[-50:] for _, took_s in visit.answers_s]
        wait = f", answered after {statistics.median(answers):.2f} s" if answers else ""
        memory = ", ".join(f"{name} {cluster.vitals(name).rss_bytes / (1 << 20):.0f}" for name in RING)
        load = os.getloadavg()[0]
        failed = sum(bool(visit.failure) for visit in record.visits)
        self._say(
            f"{record.for_s / 60:5.1f} min: {len(record.visits)} conversations held, {failed} not to their end, "
            f"{record.turned_away} guests turned away{wait}; MB: {memory}; load {load:.1f}"
        )
