"""The moments at which a fault strikes, and how a person of each kind comes to be in it just then."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from clients.desktop import events
from clients.desktop.sound import MIC_HZ
from tests.chaos import lines
from tests.chaos.person import GivenUp, Person, Spoken
from tests.chaos.tool_server import ToolServer


class Moment(StrEnum):
    """What a conversation is doing when the fault strikes."""

    SPEAKING = "person speaking"
    THINKING = "thinking"
    ANSWERING = "assistant speaking"
    INTERRUPTED = "being interrupted"
    TOOL = "tool running"


INTO_S: Final = 1.0
"""How far into the utterance, or the answer, one is at least."""
_RIDDLE_S, _ERRAND_S, _QUESTION_S = 0.6, 0.5, 2.2
"""When each of these is said, counted from the poem, so that all are in their moments at about the same time."""
_THOUGHT_S: Final = 0.35
"""From the riddle's end until it is about to be thought about: then somebody begins to interrupt elsewhere."""
_THINKS_S: Final = 0.2
"""How long the model thinks at least when the fault strikes; much longer would be thought in vain."""
_TOOL_TICK_S: Final = 0.05


@dataclass
class Cue:
    """What the people of one round wait for together.

    Each is `ready` once it is in its moment, and stays there for a while. The one who interrupts is ready when they may
    speak, which is on `go`: when the others are ready, and the model is `about_to_think`, for those moments are short.
    Then the fault strikes, and some time later it is over.
    """

    awaited: set[Moment]
    about_to_think: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _left: set[Moment] = field(default_factory=set)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def ready(self, moment: Moment) -> None:
        """Somebody is in their moment."""
        self.awaited.discard(moment)
        self._news.set()
        self._news = asyncio.Event()

    def leave(self, moment: Moment) -> None:
        """Somebody is not there any more, and is waited for no longer."""
        self._left.add(moment)
        self.ready(moment)
        if moment is Moment.THINKING:
            self.about_to_think.set()

    async def interrupt(self) -> None:
        """Let the one who interrupts begin, and wait until they have."""
        if Moment.INTERRUPTED not in self._left:
            self.awaited.add(Moment.INTERRUPTED)
        self.go.set()
        await self.all_ready(but=Moment.THINKING)

    async def all_ready(self, but: Moment | None = None) -> None:
        """Wait until everybody is in their moment, but for one."""
        while self.awaited - {but}:
            await self._news.wait()


async def come_to(moment: Moment, person: Person, cue: Cue, tools: ToolServer) -> Spoken:
    """Come to the moment and stay there until the fault strikes; return the utterance that is to be answered.

    Raises GivenUp.
    """
    match moment:
        case Moment.SPEAKING:
            await asyncio.sleep(_QUESTION_S)
            spoken = person.say(lines.QUESTION)
            await asyncio.sleep(INTO_S)
        case Moment.THINKING:
            await asyncio.sleep(_RIDDLE_S)
            before, spoken = len(person.log), person.say(lines.RIDDLE)
            await asyncio.sleep((spoken.end - spoken.begin) / MIC_HZ + _THOUGHT_S)
            cue.about_to_think.set()
            await person.sees(events.Activity.THINKING, after=before)
            await asyncio.sleep(_THINKS_S)
        case Moment.ANSWERING:
            spoken = person.say(lines.POEM)
            await person.hears(spoken, INTO_S)
        case Moment.INTERRUPTED:
            await person.hears(person.say(lines.POEM), INTO_S)
            cue.ready(moment)
            await cue.go.wait()
            spoken = person.say(lines.OBJECTION)
        case Moment.TOOL:
            await asyncio.sleep(_ERRAND_S)
            spoken = person.say(lines.ERRAND)
            await _is_looked_up(person, tools)
    cue.ready(moment)
    await cue.struck.wait()
    return spoken


async def _is_looked_up(person: Person, tools: ToolServer) -> None:
    """Wait until the operator's server is at work for a person. Raises GivenUp."""
    try:
        async with asyncio.timeout(person.patience_s):
            while not tools.is_at_work_for(person.session):
                person.check()
                await asyncio.sleep(_TOOL_TICK_S)
    except TimeoutError:
        raise GivenUp(f"nothing was looked up within {person.patience_s:g} s") from None


def is_in(moment: str, person: Person, tools: ToolServer) -> bool:
    """Say whether a person is in their moment just now."""
    if not person.spoken or person.failure:
        return False
    now = person.spoken[-1]
    match moment:
        case Moment.SPEAKING | Moment.INTERRUPTED:
            said = lines.QUESTION if moment is Moment.SPEAKING else lines.OBJECTION
            return person.device.talking and now.utterance.line == said
        case Moment.THINKING:
            return person.activity == events.Activity.THINKING and now.utterance.line == lines.RIDDLE
        case Moment.ANSWERING:
            return person.activity == events.Activity.SPEAKING and now.utterance.line == lines.POEM
        case Moment.TOOL:
            return tools.is_at_work_for(person.session)
        case _:
            return True
