"""Model line: the connection to the model, kept up for as long as a session lasts.

A connection that breaks, for whatever reason, is made again and the model's memory rebuilt; one that will expire is
replaced at a quiet moment, the new one made before the old one goes.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from contextlib import AsyncExitStack
from typing import Any, Final

from services.broker.addresses import ADDRESSES
from services.broker.event import text
from services.broker.model_settings import ModelSettings
from services.broker.realtime import RealtimeSocket, model_session
from services.broker.session import Thinking
from services.common.errors import ModelFault, ParleyError
from services.common.outcome import until_fault

log = logging.getLogger("parley.broker")

TRIES: Final = 5
PAUSES_S: Final = (0.25, 0.6, 1.4, 3.4, 8.0)
"""Before each try, at most: half of it or more, by chance, so that a thousand sessions don't come back at once."""

STEADY_S: Final = 1.0
"""A connection that has lasted so long, or has given a whole response, is a good one: tries count from 1 again.

A server that dies of what it is told does so at once, when all that is owed is asked again.
"""

_EARLY: Final = 0.25
_EARLY_S: Final = 600.0
_LATE: Final = 0.1
_LATE_S: Final = 60.0
"""A connection is replaced at a quiet moment of its last 10 minutes, at any in its last one (or shares of its life)."""

APOLOGY_S: Final = 0.3
"""Head start of the apology, which goes by egress, before the error that ends the session, which goes by vad."""

LOST: Final = "The connection to the assistant was lost and could not be made again. Please try again later."

_LOOK_S: Final = 0.05
_NEXT_TRY_S: Final = 15.0


class _Replaced(ParleyError):
    """A successor stands."""


class Line:
    """One connection, from its dialling to its end."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self.since_s = time.monotonic()

    async def open(self, settings: ModelSettings) -> Line:
        """Connect and configure. Raises ModelFault."""
        self.socket: RealtimeSocket = await self._stack.enter_async_context(model_session(settings))
        told_s = self.socket.expires_at_s
        lifetime_s = told_s - time.time() if told_s is not None else 0.0
        if lifetime_s <= 0:  # it doesn't say, or by another clock than ours
            lifetime_s = self.socket.capabilities.max_session_s
        self.replace_from_s = self.since_s + lifetime_s - min(_EARLY_S, _EARLY * lifetime_s)
        self.replace_by_s = self.since_s + lifetime_s - min(_LATE_S, _LATE * lifetime_s)
        self.stands_since_s = time.monotonic()
        return self

    async def close(self) -> None:
        """Let it go."""
        await self._stack.aclose()


class ModelLine:
    """Keeps one session's connection."""

    def __init__(self, thinking: Thinking, settings: ModelSettings) -> None:
        self._thinking = thinking
        self._settings = settings
        self._tries = 0

    async def run(self) -> None:
        """Hold the connection until cancelled.

        Raises:
            ModelFault: there is none to be had: as a session begins, on grounds that won't change, or after `TRIES`.
        """
        line = await self._first()
        try:
            await self._thinking.known.wait()
            self._thinking.begin()
            while True:
                line = await self._next(line)
                self._thinking.rebuild()
        finally:
            await line.close()

    async def _first(self) -> Line:
        """Make the first connection. A conversation that another broker has led is not given up at the first try."""
        try:
            return await Line().open(self._settings)
        except ModelFault as fault:
            await self._thinking.known.wait()
            if not (self._thinking.is_taken_over and fault.retryable):
                raise
            return await self._again(fault)

    async def _next(self, line: Line) -> Line:
        """Serve a connection to its end; return the one that takes its place."""
        successor: Line | None = None
        async with AsyncExitStack() as unless_kept:

            async def replace() -> None:
                nonlocal successor
                successor = await self._successor(line)
                unless_kept.push_async_callback(successor.close)  # when this is cancelled, or the old one won't go
                raise _Replaced("a successor stands")

            fault = await until_fault(
                line.socket.run(self._from_model),
                self._thinking.feed_model(line.socket),
                line.socket.watch(self._settings.server.freeze_s),
                replace(),
            )
            if successor is not None:
                log.info("session %s: its connection to the model was replaced in time", self._thinking.session)
            elif fault is not None and not (isinstance(fault, ModelFault) and fault.retryable):
                raise fault
            self._thinking.lose_model()
            await line.close()
            unless_kept.pop_all()
        if successor is not None:
            return successor
        assert fault is not None
        ADDRESSES.lose(line.socket.address)
        if time.monotonic() - line.stands_since_s >= STEADY_S:
            self._tries = 0
        return await self._again(fault)

    def _from_model(self, event: dict[str, Any]) -> None:
        if self._tries and text(event, "type") == "response.done":
            self._tries = 0
        self._thinking.from_model(event)

    async def _again(self, fault: ParleyError) -> Line:
        """Connect again, a few times. Raises ModelFault when that doesn't help."""
        log.warning("session %s: %s; connecting again", self._thinking.session, fault.detail)
        self._thinking.reconnecting()
        while self._tries < TRIES:
            if self._tries or not self._settings.server.others:  # another address may take the call at once
                await asyncio.sleep(PAUSES_S[self._tries] * random.uniform(0.5, 1.0))
            self._tries += 1
            try:
                return await Line().open(self._settings)
            except ModelFault as error:
                if not error.retryable:
                    await self._give_up(error.message)
                    raise
                fault = error
                log.warning("session %s: try %d of %d: %s", self._thinking.session, self._tries, TRIES, error.detail)
        await self._give_up(fault.message)
        raise ModelFault(
            f"the connection to the model was lost and could not be made again: {fault.detail}", message=LOST
        )

    async def _give_up(self, why: str) -> None:
        self._thinking.give_up(why)
        await asyncio.sleep(APOLOGY_S)

    async def _successor(self, line: Line) -> Line:
        """Wait until a connection should be replaced, make the next one, and return it at a good moment."""
        await asyncio.sleep(line.replace_from_s - time.monotonic())
        while True:
            try:
                successor = await Line().open(self._settings)
                break
            except ModelFault as error:
                log.warning("session %s: no new connection yet: %s", self._thinking.session, error.detail)
                await asyncio.sleep(min(_NEXT_TRY_S, max(line.replace_by_s - time.monotonic(), _LOOK_S) / 2))
        try:
            while not self._is_good_moment(line):  # noqa: ASYNC110 - most of it is the clock's to say
                await asyncio.sleep(_LOOK_S)
        except asyncio.CancelledError:
            await successor.close()
            raise
        return successor

    def _is_good_moment(self, line: Line) -> bool:
        """Quiet at first; later between turns is good enough; in the end any moment is better than none."""
        core, now_s = self._thinking.core, time.monotonic()
        if now_s >= line.replace_by_s:
            return True
        between = now_s >= (line.replace_from_s + line.replace_by_s) / 2
        return core.is_between_turns if between else core.is_quiet
