"""The line to whichever server holds the conversation: connections break and are made again, the line stays."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import stream_pb2

from .calling import Caller, NotTakenUp
from .connection import Connection
from .connection_failures import (
    Cause,
    ConnectionFailed,
    Loss,
    broken_off,
    ended_early,
    given_up,
    going_away,
    lost,
    not_taken_up,
    silent,
    superseded,
)
from .outbox import Outbox
from .pulse import TICK_S, Pulse
from .resumption import Resumption
from .session import Session
from .sound import MIC_HZ

HANG_UP_S = 2.0
"""How long a server may take to hang up after its last word."""


class Line:
    """Hands what comes to the session at once, and sends what it is given.

    `open`, then `talk` until the last word has been said. A connection that breaks, falls silent, or whose server is
    going away, is replaced by another one if the server offers that; meanwhile the session goes on. `publish` is called
    whenever the session may have something to say.
    """

    def __init__(self, caller: Caller, first: wire.Open, session: Session, publish: Callable[[], None]) -> None:
        self.outbox = Outbox()
        self.resumption = Resumption()
        self._caller = caller
        self._first = first
        self._session = session
        self._publish = publish
        self._pulse = Pulse()
        self._connection: Connection | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._change: asyncio.Future[Connection | None] | None = None
        """What follows the present connection: another one, or nothing more."""
        self._search: asyncio.Task[None] | None = None
        self._loss: Loss | None = None
        self._lost_s = math.inf
        self._heard_s = 0.0
        self._stands_since_s = 0.0
        self._hanging_up = False

    async def open(self) -> None:
        """Call the servers and open the session. Raises ServerRefused."""
        self._connection = await self._caller.first(self._first)
        self._note_limits(self._connection.opened.limits)
        self._hear(wire.ConverseResponse(opened=self._connection.opened))

    async def talk(self) -> None:
        """Talk until the last word has been said. Raises ClientError, in a group."""
        assert self._connection is not None, "the line was never opened"
        try:
            async with asyncio.TaskGroup() as self._tasks:
                while (following := await self._hold(self._connection)) is not None:
                    self._connection.abandon()
                    self._tasks.create_task(self._connection.close())
                    self._connection = following
                    self._go_on(following.opened)
                if self._search:
                    self._search.cancel()
        finally:
            await self._connection.close()

    def send(self, request: wire.ConverseRequest) -> None:
        """Send a request, now or when a connection stands again."""
        if not self._hanging_up:
            self.resumption.went(request)
        self.outbox.put(request)

    def hang_up(self, reason: str) -> None:
        """Say End. If no connection stands, there is nobody to be told, and the line ends at once."""
        self._hanging_up = True
        self.outbox.close(wire.ConverseRequest(end=wire.End(reason=reason)))
        if self.outbox.paused:
            self._settle(None)

    # One connection

    async def _hold(self, connection: Connection) -> Connection | None:
        """Talk over a connection. Return the one that follows; None when all has been said."""
        loop = asyncio.get_running_loop()
        self._change, self._stands_since_s = loop.create_future(), loop.time()
        async with asyncio.TaskGroup() as tasks:
            helpers = [
                tasks.create_task(self._read(connection), name="reader"),
                tasks.create_task(connection.write(self.outbox), name="writer"),
                tasks.create_task(self._watch(connection.server), name="watch"),
            ]
            try:
                return await self._change
            finally:
                for helper in helpers:
                    helper.cancel()

    async def _read(self, connection: Connection) -> None:
        try:
            while not self._is_answered_for and (response := await connection.receive()) is not None:
                if self.outbox.paused:
                    return  # it was given up, and what it says now is no use
                if loss := self._loss_by(response, connection.server):
                    self._lose(loss)
                    return
                self._hear(response)
                if response.HasField("draining") and self.resumption.is_offered:
                    self._seek(going_away(connection.server))
            async with asyncio.timeout(HANG_UP_S):
                while await connection.receive() is not None:
                    pass
        except ConnectionFailed as failure:
            if not self._is_answered_for:
                self._fail(connection.server, failure)
                return
        except TimeoutError:
            pass  # a server that does not hang up after Closed or its last Error is left
        if self._is_answered_for:
            self._settle(None)
        else:
            self._lose(ended_early(connection.server))

    def _loss_by(self, response: wire.ConverseResponse, server: str) -> Loss | None:
        """Return the loss that a last word means which is not the conversation's last."""
        if not self.resumption.is_offered or self._hanging_up:
            return None
        if response.HasField("closed") and response.closed.code == wire.Closed.CODE_DRAINING:
            return going_away(server)
        error = response.error
        if error.code == stream_pb2.Error.CODE_SUPERSEDED and (self._is_seeking or self._caller.may_be_answered_late):
            return superseded(server)  # by a call of our own
        if error.code == stream_pb2.Error.CODE_LIMIT and error.retryable:
            return given_up(server, error.message)  # this program was asleep, and the session waits for it
        return None

    def _hear(self, response: wire.ConverseResponse) -> None:
        self._heard_s = asyncio.get_running_loop().time()
        self._pulse.heard(response)
        self.resumption.came(response)
        self._session.receive(response, time.monotonic())
        self._publish()

    async def _watch(self, server: str) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            if self._pulse.tick(resumable=self.resumption.is_offered) and not self._is_answered_for:
                self._lose(silent(server, self._pulse.silent_s))
                return

    @property
    def _is_answered_for(self) -> bool:
        """Whether the server has said its last word: Closed, or an Error that ends it."""
        return self._session.closed or self._session.failure is not None

    # From one connection to the next

    def _fail(self, server: str, failure: ConnectionFailed) -> None:
        if failure.cause == Cause.UNREADABLE and not self.outbox.paused:  # the next server would send the same
            self._settle(lost(server, True, failure))
        else:
            self._lose(broken_off(server, failure))

    def _lose(self, loss: Loss) -> None:
        """Note that the connection is lost, whoever found out; a second time it does nothing."""
        if self.outbox.paused or self._change is None or self._change.done():
            return
        if self._hanging_up:
            self._settle(None)
        elif not self.resumption.is_offered:
            self._settle(loss.problem)
        else:
            assert self._connection is not None
            self.outbox.pause()
            self._connection.abandon()
            self._loss, self._lost_s = loss, asyncio.get_running_loop().time()
            self._seek(loss)

    def _seek(self, loss: Loss) -> None:
        """Look for a server that takes the conversation up again, while the present one may still talk."""
        if self._is_seeking or self._tasks is None:
            return
        lasted_s = asyncio.get_running_loop().time() - self._stands_since_s
        self._caller.doors.seek(elsewhere=loss.elsewhere, lasted_s=lasted_s)
        self._session.reconnecting(loss.why, time.monotonic())
        self._publish()
        self._search = self._tasks.create_task(self._find(), name="search")

    @property
    def _is_seeking(self) -> bool:
        settled = self._change is not None and self._change.done()
        return settled or (self._search is not None and not self._search.done())

    async def _find(self) -> None:
        try:
            connection = await self._caller.again(
                lambda: self.resumption.open(self._first), lambda: self._lost_s + self.resumption.resume_s
            )
        except NotTakenUp as refusal:
            if self._loss is not None:  # else the present connection goes on as long as it does
                self._settle(not_taken_up(self._loss, str(refusal)))
            return
        if not self._settle(connection):
            await connection.close()

    def _settle(self, change: Connection | Exception | None) -> bool:
        """Say what follows the present connection; return whether that was still open."""
        if self._change is None or self._change.done():
            return False
        if isinstance(change, Exception):
            self._change.set_exception(change)
        else:
            self._change.set_result(change)
        return True

    def _go_on(self, opened: wire.Opened) -> None:
        """Say again over the new connection what may not have been heard, and go on."""
        lost_before = self.resumption.retention.lost_samples
        self.resumption.came(wire.ConverseResponse(opened=opened))
        self._note_limits(opened.limits)
        self.outbox.resume(*self.resumption.again(opened))
        lost_ms = (self.resumption.retention.lost_samples - lost_before) * 1000 // MIC_HZ
        now_s = asyncio.get_running_loop().time()
        gap_ms = round((now_s - self._heard_s) * 1000) if self._loss else 0
        self._loss, self._lost_s, self._heard_s = None, math.inf, now_s
        self._pulse.heard(wire.ConverseResponse(opened=opened))
        self._session.resumed(opened, gap_ms, lost_ms, time.monotonic())
        self._publish()

    def _note_limits(self, limits: wire.Limits) -> None:
        if limits.max_frame_ms:
            self.outbox.largest_samples = limits.max_frame_ms * MIC_HZ // 1000
