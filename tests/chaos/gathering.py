"""Gathering: people come in until all are served by the one process that is to be struck."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Final

from clients.desktop.failures import ClientError
from services.common.errors import StoreLost
from tests.chaos import lines
from tests.chaos.blueprint import MODEL, REDIS
from tests.chaos.person import GivenUp, Person
from tests.chaos.setting import Setting

_TRIES: Final = 30
"""Conversations that are opened at most."""
_PAUSE_S: Final = 0.5
"""Before another try where one could not come in."""
_EDGES: Final = ("", REDIS, MODEL)
"""What is the same for all, or what no record tells."""


async def gather(
    setting: Setting, stack: AsyncExitStack, stage: str, count: int, victim: str = ""
) -> tuple[list[Person], str]:
    """Let so many people come in and say hello; return them, and the process of a stage that serves them all.

    Sessions are dealt out over the copies, so those that come to another one than the first, or than the `victim`,
    leave again. What the `stack` holds hangs up. Raises GivenUp when too many have left.
    """
    people: list[Person] = []
    refused: list[str] = []
    left = _TRIES
    while len(people) < count and left > 0:
        wave: list[Person] = []
        while len(people) + len(wave) < count and left > 0:
            left -= 1
            try:
                person = await _come_in(setting, stage, victim)
            except ClientError as problem:
                refused.append(str(problem))
                await asyncio.sleep(_PAUSE_S)
                continue
            serving = await _serving(setting, stage, person, victim)
            victim = victim or serving
            if serving == victim:
                stack.push_async_exit(person)
                wave.append(person)
            else:
                await person.hang_up()
        await asyncio.gather(*(person.hears_out(person.say(lines.GREETING)) for person in wave))
        if stage == MODEL:
            victim = victim or _most_asked(setting, wave)
            wave = await _served_by(setting, victim, wave)
        people += wave
    if len(people) < count:
        refusals = f"; the last one that could not come in: {refused[-1]}" if refused else ""
        raise GivenUp(f"of {_TRIES} conversations fewer than {count} are served by {victim or 'the ring'}{refusals}")
    return people, victim


async def _come_in(setting: Setting, stage: str, victim: str) -> Person:
    """Open a conversation, one by gRPC, the next by WebSocket. Raises ClientError."""
    number = next(setting.numbers)
    doors = setting.cluster.doors if number % 2 else setting.cluster.websockets
    first = (
        setting.cluster.names("ingress").index(victim) if stage == "ingress" and victim else number // 2 % len(doors)
    )
    person = Person(doors[first:] + doors[:first], number, setting.journals)
    await person.__aenter__()
    return person


async def _serving(setting: Setting, stage: str, person: Person, victim: str) -> str:
    """Return the process of a stage that serves a person: the `victim`, as far as is known."""
    if stage in _EDGES:
        return victim
    try:
        return (await setting.cluster.serving(person.session)).get(stage, "")
    except StoreLost:
        return ""


def _most_asked(setting: Setting, people: list[Person]) -> str:
    numbers = {person.number for person in people}
    counts = Counter(asked.model for asked in setting.journals.asked() if asked.conversation in numbers)
    return counts.most_common(1)[0][0] if counts else ""


async def _served_by(setting: Setting, model: str, people: list[Person]) -> list[Person]:
    """Return those whom this model serves; the others hang up."""
    models = {asked.conversation: asked.model for asked in setting.journals.asked()}
    for person in people:
        if models.get(person.number) != model:
            await person.hang_up()
    return [person for person in people if models.get(person.number) == model]
