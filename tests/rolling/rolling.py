"""A rolling restart: processes are stopped as a roll-out stops them, one after the other, while people talk."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

from clients.desktop.failures import ClientError
from tests.chaos import lines
from tests.chaos.person import GivenUp, Person
from tests.chaos.setting import Setting

PATIENT: Final = {
    "ingress": {"PARLEY_MAX_LATE_MS": "0", "PARLEY_MAX_AHEAD_MS": "60000"},
    "vad": {"PARLEY_MAX_LATE_MS": "0"},
    "broker": {"PARLEY_MAX_LATE_MS": "0"},
    "egress": {"PARLEY_MAX_LATE_MS": "0"},
}
"""On a machine that is busy with other things clients stand still for seconds, and processes are late: it is restarts
that are to be measured here."""

_TRIES: Final = 60
_PAUSE_S: Final = 0.5
"""Between two lines of a person, and before another try where one could not come in."""
_LOOK_S: Final = 0.05


@dataclass
class Talk:
    """One conversation, and what came of it."""

    number: int
    exchanges: int = 0
    lost: str = ""
    """Why it did not go on; "" for one that ended as its person wished."""
    dropped_frames: int = 0
    """Of the microphone, given up by the client: it, or the machine, stood still for longer than a client keeps."""


@dataclass(frozen=True)
class Restart:
    """One process that was stopped by SIGTERM, and started again."""

    name: str
    drained_s: float
    """From the signal to its end."""
    ready_s: float
    """From its end to its being ready again."""

    def __str__(self) -> str:
        return f"{self.name}: gone {self.drained_s:.1f} s after the signal, ready again after {self.ready_s:.1f} s"


@dataclass
class Outcome:
    """What came of all."""

    talks: list[Talk] = field(default_factory=list)
    restarts: list[Restart] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    """Who ended by itself, which nobody should."""

    @property
    def lost(self) -> list[Talk]:
        """Those that did not go on."""
        return [talk for talk in self.talks if talk.lost]


async def roll(
    setting: Setting,
    conversations: int,
    names: Iterable[str],
    *,
    patience_s: float,
    notice: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Let people come in and talk, restart these processes in turn, and let everybody say goodbye.

    After each restart everybody is heard out once more, so that each conversation has to do with what is new before
    the next one goes. Raises GivenUp if not even the first words are answered.
    """
    outcome = Outcome()
    async with AsyncExitStack() as stack:
        people = [await _come_in(setting, stack, patience_s) for _ in range(conversations)]
        outcome.talks = [Talk(person.number) for person in people]
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for talk, person in zip(outcome.talks, people, strict=True):
                group.create_task(_talk(talk, person, over))
            try:
                await _one_more(outcome.talks)
                for name in names:
                    outcome.restarts.append(await _restart(setting, name))
                    notice(str(outcome.restarts[-1]))
                    await _one_more(outcome.talks)
            finally:
                over.set()
    cluster = setting.cluster
    outcome.crashes = [name for name in cluster.names() if cluster.crashes(name)]
    return outcome


async def _come_in(setting: Setting, stack: AsyncExitStack, patience_s: float) -> Person:
    """Open a conversation, by gRPC, the next by WebSocket; a machine that is busy may refuse at first."""
    number = next(setting.numbers)
    doors = setting.cluster.doors if number % 2 else setting.cluster.websockets
    first = number // 2 % len(doors)
    for _ in range(_TRIES):
        person = Person(doors[first:] + doors[:first], number, setting.journals, patience_s)
        try:
            return await stack.enter_async_context(person)
        except ClientError as problem:
            why = str(problem)
            await asyncio.sleep(_PAUSE_S)
    raise GivenUp(why)


async def _talk(talk: Talk, person: Person, over: asyncio.Event) -> None:
    """Say a line, hear its answer out, and so on; at the end say goodbye, hear that, too, and hang up."""
    try:
        while not over.is_set():
            await person.hears_out(person.say(lines.GREETING))
            talk.exchanges += 1
            await asyncio.sleep(_PAUSE_S)
        await person.hears_out(person.say(lines.FAREWELL))
        person.check()
    except GivenUp as why:
        talk.lost = str(why)
    finally:
        talk.dropped_frames = person.dropped_frames


async def _one_more(talks: list[Talk]) -> None:
    """Wait until each conversation that goes on has begun and finished another exchange: two that end, to be sure."""
    wanted = {talk.number: talk.exchanges + 2 for talk in talks}
    for pause_s in itertools.repeat(_LOOK_S):
        if all(talk.lost or talk.exchanges >= wanted[talk.number] for talk in talks):
            return
        await asyncio.sleep(pause_s)


async def _restart(setting: Setting, name: str) -> Restart:
    began_s = time.monotonic()
    await setting.cluster.drain(name)
    drained_s = time.monotonic()
    await setting.cluster.revive(name)
    return Restart(name, drained_s - began_s, time.monotonic() - drained_s)
