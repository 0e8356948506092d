"""Errands: one session's tool calls, carried out side by side while the conversation goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from parley.v1 import session_pb2
from services.broker.account import Unmetered
from services.broker.actions import CallTool
from services.broker.tools.call import ToolRequest
from services.broker.tools.executor import Executor

log = logging.getLogger("parley.broker")

MOST: Final = 64
"""Calls that may wait to be begun; more are answered as failed."""

Done = Callable[[str, str, session_pb2.ToolCall.Status.ValueType], None]


class Errands:
    """`done` is told of each call's outcome: its id, what the model is told, and how it went."""

    def __init__(self, session: str, account: Unmetered, clock: Callable[[], float], done: Done) -> None:
        self._session = session
        self._account = account
        self._clock = clock
        self._done = done
        self._calls: asyncio.Queue[CallTool] = asyncio.Queue(MOST)

    def begin(self, call: CallTool) -> None:
        """Have a call carried out."""
        try:
            self._calls.put_nowait(call)
        except asyncio.QueueFull:
            log.warning("session %s: the model calls more than %d tools at once", self._session, MOST)
            self._done(call.call_id, "Failed: too many calls at once.", session_pb2.ToolCall.STATUS_FAILED)

    async def run(self, executor: Executor, agent: str) -> None:
        """Carry out what is begun, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                call = await self._calls.get()
                group.create_task(self._carry_out(executor, agent, call))

    async def _carry_out(self, executor: Executor, agent: str, call: CallTool) -> None:
        request = ToolRequest(call.call_id, call.name, call.arguments, self._session, call.turn, agent)
        asked_s = self._clock()
        outcome = await (executor.reissue(request) if call.is_reissue else executor.call(request))
        self._account.tool_done(request, outcome.status, self._clock() - asked_s, self._clock())
        self._done(call.call_id, outcome.output, outcome.status)
