"""The matrix: which faults strike which stages in which moments, in which order, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from tests.chaos.blueprint import REDIS, SERVICES
from tests.chaos.cluster import KILL
from tests.chaos.moments import Moment
from tests.chaos.person import GivenUp
from tests.chaos.round import Plan, Round
from tests.chaos.setting import Setting
from tests.chaos.takes import Cell, Take

STAGES: Final = (*SERVICES, REDIS)
KILLS: Final = 5
"""How often each cell of a kill is tried: it is over so soon that the moment within the moment counts."""
UNDISTURBED: Final = Plan()
TAKES_S: Final = 25.0
"""About how long a round takes."""
MOST_S: Final = 120.0
"""A round that has not ended by then never will."""
_AGAIN: Final = 1
"""Rounds that are played once more in which somebody was not in their moment when the fault struck."""
_AHEAD: Final = 5
"""Rounds of the short form that are under way at once."""
Tell = Callable[[Plan, Sequence[Take]], None]


def whole(faults: Sequence[str], kills: int = KILLS) -> list[Plan]:
    """Return every stage with every fault, in all moments; kills several times."""
    times = {fault: kills if fault == KILL else 1 for fault in faults}
    return [
        Plan(stage, fault, repetition)
        for repetition in range(max(times.values(), default=0))
        for fault in faults
        if repetition < times[fault]
        for stage in STAGES
    ]


def pairwise(faults: Sequence[str]) -> list[Plan]:
    """Return every stage with every fault, in two moments each: every two of stage, fault and moment meet."""
    moments = list(Moment)
    return [
        Plan(stage, fault, 0, tuple(moments[(row + column + step) % len(moments)] for step in (0, 2)), True)
        for column, fault in enumerate(faults)
        for row, stage in enumerate(STAGES)
    ]


async def play(setting: Setting, plans: Sequence[Plan], tell: Tell) -> list[Take]:
    """Play rounds one after the other. One in which somebody missed their moment counts, and is played once more."""
    takes: list[Take] = []
    for plan in plans:
        found: list[Take] = []
        for _ in range(1 + _AGAIN):
            await setting.cluster.wait_all_ready()
            found += (latest := await _play(setting, Round(setting, plan), plan))
            if all(take.was_in_moment for take in latest):
                break
        tell(plan, found)
        takes += found
    return takes


async def play_overlapping(setting: Setting, plans: Sequence[Plan], tell: Tell) -> list[Take]:
    """Play rounds so that one's people come in while another's fault strikes; no two faults strike at once."""
    takes: list[Take] = []
    places = asyncio.Semaphore(_AHEAD)

    async def play_one(a_round: Round, plan: Plan) -> None:
        async with places:
            found = await _play(setting, a_round, plan)
        tell(plan, found)
        takes.extend(found)

    async with asyncio.TaskGroup() as group:
        before: Round | None = None
        for plan in plans:
            before = Round(setting, plan, before)
            group.create_task(play_one(before, plan))
    return takes


async def _play(setting: Setting, a_round: Round, plan: Plan) -> list[Take]:
    """Play a round; one that can't even be begun is a failure of each of its conversations."""
    try:
        async with asyncio.timeout(MOST_S):
            return await a_round.play()
    except GivenUp as problem:
        why = f"it could not be begun: {problem}"
    except TimeoutError:
        why = f"it had not ended after {MOST_S:g} s"
    cells = [Cell(plan.stage, plan.fault, moment, plan.repetition) for moment in plan.moments]
    return [Take(cell, was_in_moment=True, why_not=why) for cell in cells]
