"""A house: the real ring with its own engine as the model, the agents of these tests, and their operator's desk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis

from clients.desktop import events
from local.ring import Ring, RingSettings
from parley.v1 import session_pb2
from services.broker.journal import told
from services.common.store import Store
from tests.e2e.desk import SERVERS, Desk
from tests.e2e.person import Person
from tests.fakes import speech

USER = session_pb2.HistoryItem.ROLE_USER
ASSISTANT = session_pb2.HistoryItem.ROLE_ASSISTANT
TOOL = session_pb2.HistoryItem.ROLE_TOOL

HEARD_MS = 20
"""How far history may be from what the client's own playback clock says was played."""


async def side_by_side(conversations: Mapping[str, Coroutine[None, None, None]]) -> None:
    """Hold conversations at the same time; what fails says in which."""

    async def hold(name: str, conversation: Coroutine[None, None, None]) -> None:
        try:
            await conversation
        except (AssertionError, TimeoutError) as error:
            error.add_note(f"(in the conversation {name})")
            raise

    async with asyncio.TaskGroup() as group:
        for name, conversation in conversations.items():
            group.create_task(hold(name, conversation))


@dataclass
class House:
    """What a test needs."""

    ring: Ring
    store: Store
    desk: Desk

    @asynccontextmanager
    async def visitor(self, agent: str = "", door: str = "grpc", latency_ms: float = 0) -> AsyncIterator[Visitor]:
        """Open a conversation with an agent."""
        person = Person(self.ring.websocket if door == "websocket" else self.ring.ingress, latency_ms, agent)
        async with person:
            yield Visitor(person, self)


@dataclass
class Visitor:
    """A person in the house."""

    person: Person
    house: House

    def says(self, text: str) -> None:
        """Say something after a moment of quiet."""
        self.person.says(speech.silence(300), speech.say(text))

    async def hears(self, words: str, *, timeout_s: float = 20.0) -> events.Caption:
        """Wait until a reply with these words in it has been heard to its end; return its final caption."""

        def find() -> events.Caption | None:
            over = {event.reply for event in self.person.of(events.ReplyPlayed)}
            return next((line for line in self.lines() if words in line.text and line.reply in over), None)

        try:
            return await self.person.until(find, timeout_s)
        except TimeoutError as error:
            error.add_note(f"“{words}” was not heard, but {[line.text for line in self.lines()]}")
            raise

    def lines(self) -> list[events.Caption]:
        """What the assistant has said, line by line."""
        return [event for event in self.person.of(events.Caption) if event.final and event.who is events.Who.ASSISTANT]

    async def closed(self, timeout_s: float = 15.0) -> events.Closed:
        """Wait until the server has closed; everything that was being said must have been heard by then."""
        closed = await self.person.until(lambda: next(iter(self.person.of(events.Closed)), None), timeout_s)
        before = self.person.log[: self.person.log.index(closed)]
        begun = {event.reply for event in self.person.of(events.ReplyStarted)}
        heard = {event.reply for event in before if isinstance(event, (events.ReplyPlayed, events.Silenced))}
        assert begun <= heard, f"closed while {begun - heard} could still be heard"
        return closed

    async def until_remembered(self, what: Callable[[session_pb2.HistoryItem], bool]) -> session_pb2.HistoryItem:
        """Wait until such an item stands in history; return it. Raises TimeoutError."""
        for _ in range(100):
            if found := [item for item in await self.history() if what(item)]:
                return found[0]
            await asyncio.sleep(0.1)
        raise TimeoutError

    async def history(self) -> list[session_pb2.HistoryItem]:
        """What Redis remembers of the conversation."""
        return told(await self.house.store.history(self.person.session))

    async def said(self, role: session_pb2.HistoryItem.Role.ValueType) -> list[str]:
        """What Redis remembers that one of both said."""
        return [item.text for item in await self.history() if item.role == role]

    async def assert_history_is_true(self) -> None:
        """Each reply stands in history with the captions' words, as long as the client's speaker played it."""
        played = {event.reply: event.position for event in self.person.of(events.ReplyPlayed)}
        played |= {event.reply: event.position for event in self.person.of(events.Silenced) if event.reply}
        items = [item for item in await self.history() if item.role == ASSISTANT]
        assert sorted(item.reply for item in items) == sorted(reply for reply, samples in played.items() if samples)
        last = {line.reply: line.text for line in self.lines()}
        for item in items:
            heard_ms = played[item.reply] / 24
            assert abs(item.heard_ms - heard_ms) <= HEARD_MS, f"reply {item.reply}: {heard_ms} ms heard, {item}"
            assert item.text == last[item.reply], item


@asynccontextmanager
async def house(desk: Desk) -> AsyncIterator[House]:
    """Start the ring with its engine, which costs something here, and speaks no faster than many a model."""
    env = {**desk.env, "engine": {"PARLEY_ENGINE_SPEED": "3"}}
    env["broker"]["PARLEY_SERVERS"] = str(SERVERS)
    async with Ring(RingSettings(engine=True, env=env)) as ring:
        store = Store(Redis.from_url(ring.redis_url))
        try:
            yield House(ring, store, desk)
        finally:
            await store.close()
