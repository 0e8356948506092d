"""A round: some conversations, each in another moment, and one fault that strikes the process which serves them all."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Final

from tests.chaos import lines
from tests.chaos.blueprint import REDIS
from tests.chaos.cluster import KILL, PARTITION, SLOW, STOP
from tests.chaos.gathering import gather
from tests.chaos.moments import Cue, Moment, come_to, is_in
from tests.chaos.notes import note
from tests.chaos.person import GivenUp, Person
from tests.chaos.setting import Setting
from tests.chaos.takes import Cell, Take

LASTS_S: Final = {KILL: 1.0, STOP: 5.0, PARTITION: 5.0, SLOW: 8.0}
"""How long each fault lasts. A process that was killed is down for so long; then it starts."""
BRIEF_S: Final = {KILL: 0.5, STOP: 3.5, PARTITION: 3.5, SLOW: 4.0}
"""The same in the short form: longer than it takes to be noticed."""
_STARTS_S: Final = 3.0
"""About how long a process takes to start."""
_COMES_S: Final = 4.2
"""How long it takes to come to the moments."""
INTO_OBJECTION_S: Final = (0.3, 0.15, 0.45, 0.6, 0.75)
"""How long the objection lasts when the fault strikes, by repetition: before, about and after the verdict."""
_SETTLES_S: Final = 0.6
"""From the fault's end to the last exchange: whoever wakes up late has time to do harm."""
_CHOSEN: Final = ("ingress", REDIS)
_WRITTEN_S: Final = 0.4
"""From the last exchange to the hanging up: history is written."""


@dataclass(frozen=True)
class Plan:
    """What is to happen in a round. Without a stage nothing does."""

    stage: str = ""
    fault: str = ""
    repetition: int = 0
    moments: tuple[Moment, ...] = tuple(Moment)
    is_brief: bool = False

    @property
    def lasts_s(self) -> float:
        """How long the fault lasts."""
        return (BRIEF_S if self.is_brief else LASTS_S)[self.fault] if self.stage else 0.0

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.stage} {self.fault}" if self.stage else "undisturbed"


class Round:
    """Plays one plan: `takes = await Round(setting, plan).play()`.

    Rounds may overlap: people of one that is to follow `after` another are in their moments when that one's fault is
    over, as far as that can be foreseen, and its own fault does not strike before.
    """

    def __init__(self, setting: Setting, plan: Plan, after: Round | None = None) -> None:
        self._setting = setting
        self._plan = plan
        self._cue = Cue(set(plan.moments))
        self._after = after
        self._victim = ""

    async def play(self) -> list[Take]:
        """Hold the conversations, strike, and return what came of each. Raises GivenUp if they can't be begun."""
        try:
            return await self._play()
        finally:
            self._cue.struck.set()
            self._cue.over.set()

    async def _play(self) -> list[Take]:
        plan = self._plan
        async with AsyncExitStack() as stack:
            people, self._victim = await gather(self._setting, stack, plan.stage, len(plan.moments), self._first())
            takes = [Take(Cell(plan.stage, plan.fault, moment, plan.repetition)) for moment in plan.moments]
            cast = list(zip(takes, people, strict=True))
            if self._after is not None:
                await self._after._is_nearly_over()
            async with asyncio.TaskGroup() as group:
                for take, person in cast:
                    group.create_task(self._hold(take, person))
                group.create_task(self._strike(cast))
            for take, person in cast:
                await note(self._setting, take, person)
        return takes

    def _first(self) -> str:
        """The door that is to be struck is chosen beforehand, each in turn: nobody is dealt out to it. Redis is one."""
        names = self._setting.cluster.names(self._plan.stage)
        return names[self._plan.repetition % len(names)] if self._plan.stage in _CHOSEN else ""

    async def _hold(self, take: Take, person: Person) -> None:
        """Hold one conversation. It may end in many ways; the others go on."""
        moment = Moment(take.cell.moment)
        try:
            spoken = await come_to(moment, person, self._cue, self._setting.tools)
            await person.hears_out(spoken)
            await self._cue.over.wait()
            await person.hears_out(person.say(lines.FAREWELL))
            await asyncio.sleep(_WRITTEN_S)
        except GivenUp as why:
            take.why_not = str(why)
        finally:
            self._cue.leave(moment)

    async def _is_nearly_over(self) -> None:
        """Wait until so much of the fault is left as it takes to come to the moments."""
        await self._cue.struck.wait()
        plan = self._plan
        left_s = plan.lasts_s + (_STARTS_S if plan.fault == KILL else 0.0) + _SETTLES_S
        with suppress(TimeoutError):
            async with asyncio.timeout(left_s - _COMES_S):
                await self._cue.over.wait()

    async def _strike(self, cast: list[tuple[Take, Person]]) -> None:
        """When everybody is in their moment, do it."""
        cue, plan = self._cue, self._plan
        await cue.all_ready(but=Moment.THINKING)
        if self._after is not None:
            await self._after._cue.over.wait()
        if Moment.INTERRUPTED in plan.moments:
            if Moment.THINKING in plan.moments:
                await cue.about_to_think.wait()
            await cue.interrupt()
            await asyncio.sleep(INTO_OBJECTION_S[plan.repetition % len(INTO_OBJECTION_S)])
        await cue.all_ready()
        for take, person in cast:
            take.struck_at, take.victim = person.device.mic_offset, self._victim
            take.was_in_moment = is_in(take.cell.moment, person, self._setting.tools)
        cue.struck.set()
        if plan.stage:
            await self._setting.cluster.inflict(plan.fault, self._victim, plan.lasts_s)
            await asyncio.sleep(_SETTLES_S)
        cue.over.set()
