"""A round: five conversations, each in another moment, and one fault that strikes the process which serves them all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from clients.desktop import events
from services.common.errors import StoreLost
from tests.chaos import lines
from tests.chaos.cluster import KILL, PARTITION, SLOW, STOP, Cluster
from tests.chaos.decoding import Decoder
from tests.chaos.model import Asked
from tests.chaos.moments import Cue, Moment, come_to, is_in
from tests.chaos.person import GivenUp, Person
from tests.chaos.takes import Cell, Take
from tests.chaos.tool_server import ToolServer

LASTS_S: Final = {KILL: 1.0, STOP: 5.0, PARTITION: 5.0, SLOW: 8.0}
"""How long each fault lasts. A process that was killed is down for so long; then it starts."""
INTO_OBJECTION_S: Final = (0.3, 0.15, 0.45, 0.6, 0.75)
"""How long the objection lasts when the fault strikes, by repetition: before, about and after the verdict."""
_TRIES: Final = 30
"""Conversations that are opened at most until all are served by the same process."""
_SETTLES_S: Final = 0.6
"""From the fault's end to the last exchange: whoever wakes up late has time to do harm."""
_WRITTEN_S: Final = 0.4
"""From the last exchange to the hanging up: history is written."""


@dataclass
class Setting:
    """Where rounds are played."""

    cluster: Cluster
    tools: ToolServer
    decoder: Decoder
    asked: Callable[[], list[Asked]]
    """What the models were asked so far."""
    numbers: Callable[[], int]
    """The number of the next conversation."""
    say: Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What is to happen in a round. Without a stage nothing does."""

    stage: str = ""
    fault: str = ""
    repetition: int = 0
    moments: tuple[Moment, ...] = tuple(Moment)

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.stage} {self.fault}" if self.stage else "undisturbed"


class Round:
    """Plays one plan: `takes = await Round(setting, plan).play()`."""

    def __init__(self, setting: Setting, plan: Plan) -> None:
        self._setting = setting
        self._plan = plan
        self._cue = Cue(set(plan.moments))
        self._victim = ""
        self._takes: list[Take] = []

    async def play(self) -> list[Take]:
        """Hold the conversations, strike, and return what came of each."""
        async with AsyncExitStack() as stack:
            people = await self._gather_people(stack)
            takes = [Take(Cell(self._plan.stage, self._plan.fault, moment, self._plan.repetition)) for moment in people]
            self._takes = takes
            async with asyncio.TaskGroup() as group:
                for take, person in zip(takes, people.values(), strict=True):
                    group.create_task(self._hold(take, person))
                group.create_task(self._strike(people))
            for take, person in zip(takes, people.values(), strict=True):
                await self._note(take, person)
        return takes

    # Who is there.

    async def _gather_people(self, stack: AsyncExitStack) -> dict[Moment, Person]:
        """Let one person for each moment come in, until all are served by the process that is to be struck."""
        cluster, stage = self._setting.cluster, self._plan.stage
        doors = list(cluster.doors)
        if stage == "ingress":
            self._victim = cluster.names(stage)[self._plan.repetition % len(doors)]
            first = doors.index(cluster.addresses[self._victim])
            doors = doors[first:] + doors[:first]
        elif stage == "redis":
            self._victim = stage
        people: list[Person] = []
        for attempt in range(_TRIES):
            if len(people) == len(self._plan.moments):
                return dict(zip(self._plan.moments, people, strict=True))
            person = Person(doors if stage == "ingress" or attempt % 2 == 0 else doors[::-1], self._setting.numbers())
            await person.__aenter__()
            if await self._is_served_well(person):
                stack.push_async_exit(person)
                people.append(person)
            else:
                await person.hang_up()
        raise GivenUp(f"of {_TRIES} conversations too few are served by {self._victim}")

    async def _is_served_well(self, person: Person) -> bool:
        stage = self._plan.stage
        if stage in ("", "redis", "model"):
            return True
        serving = await self._setting.cluster.serving(person.session)
        if not self._victim:
            self._victim = serving.get(stage, "")
        return serving.get(stage) == self._victim

    # What happens.

    async def _hold(self, take: Take, person: Person) -> None:
        """Hold one conversation. It may end in many ways; the others go on."""
        moment = take.cell.moment
        try:
            await person.hears_out(person.say(lines.GREETING))
            spoken = await come_to(moment, person, self._cue, self._setting.tools)
            await person.hears_out(spoken)
            await self._cue.over.wait()
            await person.hears_out(person.say(lines.FAREWELL))
            await asyncio.sleep(_WRITTEN_S)
        except GivenUp as why:
            take.why_not = str(why)
        finally:
            self._cue.ready(moment)

    async def _strike(self, people: dict[Moment, Person]) -> None:
        """When everybody is in their moment, do it."""
        cluster, plan = self._setting.cluster, self._plan
        await self._cue.all_ready()
        if Moment.INTERRUPTED in people:
            self._cue.awaited.add(Moment.INTERRUPTED)
            self._cue.go.set()
            await self._cue.all_ready()
            await asyncio.sleep(INTO_OBJECTION_S[plan.repetition % len(INTO_OBJECTION_S)])
        for take in self._takes:
            person = people[take.cell.moment]
            take.struck_at, take.victim = person.device.mic_offset, self._victim
            take.was_in_moment = is_in(take.cell.moment, person, self._setting.tools)
        self._cue.struck.set()
        if plan.stage:
            await cluster.inflict(plan.fault, self._victim, LASTS_S[plan.fault])
            await asyncio.sleep(_SETTLES_S)
        self._cue.over.set()

    # What is known afterwards.

    async def _note(self, take: Take, person: Person) -> None:
        await person.hang_up()
        take.session = person.session
        take.spoken = person.spoken
        take.worst_lag_ms = person.device.worst_lag_ms
        take.heard_up_to = len(person.device.recording().assistant())
        take.runs = await self._setting.decoder.decode(person)
        take.silenced = [event.at.played_samples for event in person.log if isinstance(event, events.Silenced)]
        errands = self._setting.tools.of(person.session)
        take.looked_up, take.requests = [e.utterance for e in errands], sum(e.requests for e in errands)
        going_on = [one for one in self._setting.asked() if one.conversation == person.number and one.continues]
        mine = {spoken.utterance.number: spoken.utterance for spoken in person.spoken}
        take.continued_by_model = {mine[one.utterance] for one in going_on if one.utterance in mine}
        take.remembered = await self._history(person.session)

    async def _history(self, session: str) -> list[str]:
        """Return the person's turns in history; [] if Redis does not come back."""
        for _ in range(20):
            try:
                items = await self._setting.cluster.store.history(session)
                return [item.text for item in items if item.role == item.ROLE_USER]
            except StoreLost:
                await asyncio.sleep(0.5)
        return []
