"""The executor: carries out one session's tool calls. Whatever a tool does, the conversation goes on."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from parley.v1 import session_pb2 as wire
from services.broker.tools import arguments
from services.broker.tools.call import Outcome, ToolRequest, failed, unknown
from services.broker.tools.declaration import FunctionTool, HttpEndpoint, Retry, Toolbox
from services.broker.tools.http_tool import HttpCaller
from services.broker.tools.python_tool import PythonCaller

log = logging.getLogger("parley.broker")

AT_ONCE: Final = 8
"""Calls of one session that may be under way; more wait."""
WAITING: Final = 64
"""More than so many are refused."""


class ToolCallers:
    """What carries out the calls of all sessions of a process."""

    def __init__(self, http: HttpCaller | None = None, python: PythonCaller | None = None) -> None:
        self.http = http or HttpCaller()
        self.python = python or PythonCaller()

    async def close(self) -> None:
        """Let go of the connections."""
        await self.http.close()


class Executor:
    """One session's. Its methods raise nothing but a cancel, which leaves the call to its fate."""

    def __init__(self, toolbox: Toolbox, callers: ToolCallers) -> None:
        self._toolbox = toolbox
        self._callers = callers
        self._places = asyncio.Semaphore(AT_ONCE)
        self._under_way = 0

    async def call(self, request: ToolRequest) -> Outcome:
        """Carry out a call that was never begun before."""
        if self._under_way >= AT_ONCE + WAITING:
            log.warning("session %s: too many tool calls at once", request.session)
            return failed("too many calls at once. Wait for the others' answers.")
        self._under_way += 1
        try:
            async with self._places:
                return await self._timed(request)
        finally:
            self._under_way -= 1

    async def reissue(self, request: ToolRequest) -> Outcome:
        """Carry out a call that a broker which is gone may have carried out: with the same Idempotency-Key, or not."""
        tool = self._toolbox.find(request.name)
        if tool is not None and tool.retry is Retry.NEVER:
            log.info("session %s: tool %s is not called again: outcome unknown", request.session, tool.name)
            return unknown(f"the connection was lost while {tool.name} was being called.")
        return await self.call(request)

    async def _timed(self, request: ToolRequest) -> Outcome:
        began_s = time.monotonic()
        outcome = await self._carried_out(request)
        took_ms = (time.monotonic() - began_s) * 1000
        status = wire.ToolCall.Status.Name(outcome.status).removeprefix("STATUS_").lower()
        # Neither arguments nor answers: they are what people said.
        log.info("session %s: tool %r: %s in %.0f ms", request.session, request.name[:64], status, took_ms)
        return outcome

    async def _carried_out(self, request: ToolRequest) -> Outcome:
        tool = self._toolbox.find(request.name)
        if tool is None:
            names = ", ".join(each.name for each in self._toolbox.functions) or "none"
            return failed(f"there is no tool {request.name[:64]!r}; there are: {names}.")
        try:
            given = arguments.parse(request.arguments)
            arguments.check(given, tool.parameters)
        except arguments.BadArguments as error:
            return failed(str(error))
        return await self._by_its_way(tool, request, given)

    async def _by_its_way(self, tool: FunctionTool, request: ToolRequest, given: Mapping[str, Any]) -> Outcome:
        if isinstance(tool.way, HttpEndpoint):
            return await self._callers.http.call(tool, tool.way, request, given)
        return await self._callers.python.call(tool, tool.way, request, given)
