"""The storm: conversations that go on and on, while every two seconds a process chosen at random is killed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from tests.chaos import lines
from tests.chaos.blueprint import SERVICES
from tests.chaos.gathering import gather
from tests.chaos.notes import note
from tests.chaos.person import GivenUp, Person
from tests.chaos.setting import Setting
from tests.chaos.takes import Cell, Take

STORM: Final = "storm"
CELL: Final = Cell("any", STORM, "any")
PATIENCE_S: Final = 90.0
"""How long one waits in a storm; after that the conversation has not gone on."""
_ACTS: Final = (lines.ERRAND, lines.POEM, lines.RIDDLE, lines.QUESTION, lines.FAREWELL)
_APART_S: Final = 0.7
"""The people do not speak in chorus."""
_INTO_S: Final = 1.5
"""How far into a poem somebody objects."""
_TOLD_S: Final = 20.0
_CALM_S: Final = 1.0


@dataclass(frozen=True)
class StormPlan:
    """How long it lasts, how often somebody dies, how many talk."""

    seconds: float = 600.0
    every_s: float = 2.0
    conversations: int = 10
    seed: int = 1


class Storm:
    """`takes = await Storm(setting, plan, say).hold()`."""

    def __init__(self, setting: Setting, plan: StormPlan, say: Callable[[str], None]) -> None:
        self._setting = setting
        self._plan = plan
        self._say = say
        self._random = random.Random(plan.seed)
        self._is_over = asyncio.Event()
        self.kills = 0

    async def hold(self) -> list[Take]:
        """Let people come in while all is well, and then let it begin; return what came of each conversation."""
        async with AsyncExitStack() as stack:
            people, _ = await gather(self._setting, stack, "", self._plan.conversations)
            takes = [Take(CELL, was_in_moment=True) for _ in people]
            for person in people:
                person.patience_s = PATIENCE_S
            async with asyncio.TaskGroup() as group:
                group.create_task(self._kill(people, takes))
                for place, (take, person) in enumerate(zip(takes, people, strict=True)):
                    group.create_task(self._converse(take, person, place * _APART_S))
            for take, person in zip(takes, people, strict=True):
                await note(self._setting, take, person)
        return takes

    async def _kill(self, people: list[Person], takes: list[Take]) -> None:
        cluster, plan = self._setting.cluster, self._plan
        began_s = told_s = time.monotonic()
        names = [name for service in SERVICES for name in cluster.names(service)]
        while (now_s := time.monotonic()) - began_s < plan.seconds:
            cluster.kill(self._random.choice(names))
            self.kills += 1
            if now_s - told_s >= _TOLD_S:
                told_s = now_s
                said = sum(len(person.spoken) for person in people)
                ended = sum(bool(take.why_not) for take in takes)
                self._say(
                    f"{now_s - began_s:4.0f} s: {self.kills} kills, {said} utterances, {ended} conversations ended"
                )
            await asyncio.sleep(max(0.0, began_s + self.kills * plan.every_s - time.monotonic()))
        await cluster.wait_all_ready()
        self._is_over.set()

    async def _converse(self, take: Take, person: Person, after_s: float) -> None:
        try:
            await asyncio.sleep(after_s)
            while not self._is_over.is_set():
                for act in _ACTS:
                    if not self._is_over.is_set():
                        await self._exchange(person, act)
            await person.hears_out(person.say(lines.FAREWELL))
            await asyncio.sleep(_CALM_S)
        except GivenUp as why:
            take.why_not = str(why)
            self._say(f"conversation {person.number} ended: {why}")

    async def _exchange(self, person: Person, line: int) -> None:
        spoken = person.say(line)
        if line == lines.POEM:
            await person.hears(spoken, _INTO_S)
            spoken = person.say(lines.OBJECTION)
        await person.hears_out(spoken)
