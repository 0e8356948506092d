"""Sessions: all of a broker's process, those that vad attends and those that are parked."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final

from parley.v1 import broker_service_pb2 as wire
from parley.v1 import stream_pb2
from services.broker.agent import Agent
from services.broker.house import House
from services.broker.parting import Stopping
from services.broker.stay import Stay
from services.broker.vad_stream import VadStream, Write
from services.common.agents import Agents
from services.common.boundary import contained_work
from services.common.errors import Superseded
from services.common.ownership import Ownership
from services.common.room import Room

log = logging.getLogger("parley.broker")

MOST_SESSIONS: Final = 256
"""At a time, unless PARLEY_MAX_SESSIONS says otherwise."""


class Sessions:
    """Finds the session that a stream belongs to, or begins one."""

    def __init__(self, agents: Agents[Agent], house: House, room: Room) -> None:
        self._agents = agents
        self._house = house
        self._room = room
        self._ownership = Ownership()
        self._stays: dict[str, Stay] = {}
        self._living: set[asyncio.Task[None]] = set()
        self._is_stopping = False
        self._events: Counter[str] = Counter()
        """Of sessions that are over."""

    def __len__(self) -> int:
        return len(self._stays)

    def events(self) -> Counter[str]:
        """What did not go as it should with the notes of all sessions so far. May be asked by any thread."""
        return sum((stay.events() for stay in list(self._stays.values())), Counter(self._events))

    def buffers(self) -> dict[str, list[int]]:
        """Return how many messages wait in each session's outboxes, and for Redis."""
        all_of_them = [stay.thinking for stay in self._stays.values()]
        return {
            "to_vad": [len(each.to_vad) for each in all_of_them],
            "to_model": [len(each.to_model) for each in all_of_them],
            "to_egress": [len(each.mouth.outbox) for each in all_of_them],
            "to_redis": [each.notes.waiting for each in all_of_them],
        }

    async def respond(
        self, opened: stream_pb2.StreamOpen, requests: AsyncIterator[wire.RespondRequest], write: Write
    ) -> None:
        """Serve a stream of vad's to its end.

        Raises:
            FullFault: no more sessions are taken, just now or at all.
            Superseded: a stream with as high a (lease, dial) was here before.
            AgentFault: there is no such agent.
        """
        if self._is_stopping:
            raise Stopping
        agent = self._agents.find(opened.agent)
        if not self._is_here(opened):
            self._room.admit(len(self._stays), resumes=opened.resumes)
        stream: VadStream | None = None

        def supersede() -> None:
            if stream is not None:
                stream.refuse(Superseded("another stream took the session"))

        with self._ownership.claim(opened, supersede) as claim:
            stay = self._stay(agent, opened)
            stream = stay.meet(opened)
            stream.on_opened_again = lambda later: self._ownership.rise(claim, later)
            await stay.attend(stream, requests, write)

    def _is_here(self, opened: stream_pb2.StreamOpen) -> bool:
        here = self._stays.get(opened.session)
        return here is not None and not here.is_over

    def _stay(self, agent: Agent, opened: stream_pb2.StreamOpen) -> Stay:
        """Return the session: the one that is here, if this goes on with it, or else a new one."""
        if self._is_here(opened):
            here = self._stays[opened.session]
            if opened.resumes:
                return here
            here.close(Superseded("another stream took the session"))
        stay = self._stays[opened.session] = Stay(self._house, agent, opened)
        living = asyncio.create_task(self._live(opened.session, stay))
        self._living.add(living)
        living.add_done_callback(self._living.discard)
        return stay

    async def _live(self, name: str, stay: Stay) -> None:
        try:
            await stay.live()
        finally:
            self._events += stay.events()
            if self._stays.get(name) is stay:
                del self._stays[name]

    async def drain(self) -> None:
        """Take no more sessions, and leave those that there are to another broker, each at a quiet moment."""
        self._is_stopping = True
        async with asyncio.TaskGroup() as group:
            for name, stay in self._stays.items():
                group.create_task(contained_work(log, f"session {name}", stay.leave()))
        if self._living:
            await asyncio.wait(self._living)

    async def close(self) -> None:
        """Break off what there is."""
        for living in self._living:
            living.cancel()
        await asyncio.gather(*self._living, return_exceptions=True)
