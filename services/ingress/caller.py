"""Caller: one client at a door, whatever the door: its conversation from Open to the last word."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Final

from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import stream_pb2
from services.common.boundary import session_boundary
from services.common.errors import ParleyError, PeerLost
from services.common.link import Link, tell
from services.ingress.call import Calls
from services.ingress.farewell import farewell
from services.ingress.inbox import Inbox
from services.ingress.locks.knock import Knock
from services.ingress.session import Session

log = logging.getLogger("parley.ingress")

Write = Callable[[wire.ConverseResponse], Awaitable[None]]

BEAT_S: Final = 0.5
"""So a client hears something each second, and may take a server for frozen that has said nothing for 1.5 s."""
LAST_WORDS_S: Final = 1.0
"""How long a client has to take the last words, when its own link can't send them any more."""


class Caller:
    """Holds one conversation for a door, which hands in what the client sends and a way to write to it.

    However it ends, the client is told: Error where there was one, then Closed.
    """

    def __init__(
        self, calls: Calls, requests: Inbox[wire.ConverseRequest], write: Write, knock: Knock | None = None
    ) -> None:
        self.told: stream_pb2.Error | None = None
        """The Error that the client was told."""
        self.closed: wire.Closed | None = None
        """The last word that the client was told."""
        self.untold: stream_pb2.Error | None = None
        """The Error that it did not take: it does not read."""
        self._calls = calls
        self._requests = requests
        self._door_write = write
        self._knock = knock or Knock()
        self._writing = False
        self._session: Session | None = None
        self._fault: ParleyError | None = None

    @property
    def has_begun(self) -> bool:
        """Whether there is, or was, a session."""
        return self._session is not None

    async def converse(self) -> None:
        """Hold the conversation. Raises nothing: whatever goes wrong is told and logged."""
        async with session_boundary(log, "a call", self._refuse):
            await self._calls.answer(self._requests, self._link, self._knock)
            if self._session is not None:
                self._session.to_client.clear_audio()
                await self._say_last([message async for message in self._session.to_client])

    async def turn_away(self, fault: ParleyError) -> None:
        """Hold none: say why instead."""
        await self._refuse(fault.to_wire())

    async def _link(self, session: Session) -> None:
        self._session = session
        link = Link(
            "client", self._messages(session), self._write, session.to_client, _beat, silence_s=None, beat_s=BEAT_S
        )
        try:
            await link.run(lambda request: self._take(session, request))
        except ParleyError as error:
            self._fault = self._fault or error
        if self._fault is not None:
            raise self._fault

    async def _messages(self, session: Session) -> AsyncIterator[wire.ConverseRequest]:
        try:
            self._requests.hand_on(partial(self._hear, session))
            async for request in self._requests:
                session.heard()
                yield request
        except PeerLost:
            raise
        except ParleyError as fault:  # found by the door itself: what came is no message at all
            self._end(session, fault)
            await asyncio.Event().wait()  # while the link's writer says the last words

    def _hear(self, session: Session, request: wire.ConverseRequest) -> bool:
        """Take a message where it arrives, without a task between. The last is left to the link, which waits for it."""
        if request.HasField("end"):
            return False
        if self._fault is None:
            session.heard()
            session.from_client(request)
        return True

    def _take(self, session: Session, request: wire.ConverseRequest) -> None:
        if self._fault is None:
            try:
                session.from_client(request)
            except ParleyError as fault:
                self._end(session, fault)

    def _end(self, session: Session, fault: ParleyError) -> None:
        """End by a fault of the client. Not by raising: the link's writer shall finish its sentence and say why."""
        self._fault = fault
        session.parting.close(fault)

    async def _refuse(self, error: stream_pb2.Error) -> None:
        last = farewell(wire.Closed.CODE_FAULT, error.message)
        await self._say_last([wire.ConverseResponse(error=error), last])

    async def _write(self, response: wire.ConverseResponse) -> None:
        if response.HasField("error"):
            self.told = response.error
        self._writing = True
        await self._door_write(response)
        self._writing = False
        if response.HasField("closed"):
            self.closed = response.closed

    async def _say_last(self, messages: list[wire.ConverseResponse]) -> None:
        """Say what no link can: there was none yet, or it gave the client up."""
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                for message in messages:
                    if self._writing:
                        break  # the client has not taken what was sent before, and there is one write at a time
                    await tell(self._write, message)
                else:
                    return
        except TimeoutError:
            pass
        log.info("a client took no last words")
        self.untold = next((message.error for message in messages if message.HasField("error")), None)


def _beat(number: int) -> wire.ConverseResponse:
    return wire.ConverseResponse(heartbeat=stream_pb2.Heartbeat(beat=number))
