"""Python tools: a call becomes one of a function of the operator's own, in this process."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import logging
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from services.broker.tools.call import DONE_WORDS, Outcome, ToolRequest, done, failed, unknown
from services.broker.tools.declaration import FunctionTool, PythonEntry
from services.broker.tools.foreign import ForeignFault, Threads, foreign_code

log = logging.getLogger("parley.broker")

RUNNING: Final = 256
"""Calls under way at once, those included that nobody waits for any more and that do not end."""

REQUEST: Final = "tool_request"
"""A function with a parameter of this name is given the ToolRequest by it, and so the Idempotency-Key."""


def load(path: str, parameters: Mapping[str, Any], timeout_s: float) -> PythonEntry:
    """Import "package.module:callable" and hold it against the schema. Raises ForeignFault, saying what is wrong."""
    module, _, name = path.partition(":")
    with foreign_code(f"importing {path}"):
        function = importlib.import_module(module)
        for part in name.split("."):
            function = getattr(function, part)
    if not callable(function):
        raise ForeignFault("it cannot be called")
    takes_request = _check_signature(function, parameters)
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
    return PythonEntry(path, function, timeout_s, is_async, takes_request)


def _check_signature(function: Any, parameters: Mapping[str, Any]) -> bool:
    """Say whether a function takes the request. Raises ForeignFault when no call could succeed."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # of what is written in C nothing is known
        return False
    takes_request = REQUEST in signature.parameters
    known = dict.fromkeys(parameters.get("properties") or ())
    required = dict.fromkeys(parameters.get("required") or ())
    request = {REQUEST: None} if takes_request else {}
    try:
        signature.bind(**required, **request)
        signature.bind(**known, **request)
    except TypeError as error:
        raise ForeignFault(f"it does not take the declared parameters: {error}") from error
    return takes_request


class PythonCaller:
    """Carries out the Python tools of all sessions of a process."""

    def __init__(self, threads: Threads | None = None) -> None:
        self._threads = threads or Threads()
        self._running: set[asyncio.Task[str]] = set()

    async def call(
        self, tool: FunctionTool, way: PythonEntry, request: ToolRequest, arguments: Mapping[str, Any]
    ) -> Outcome:
        """Carry out a call whose arguments are checked. Raises nothing.

        One that does not end in time is left alone: a coroutine is cancelled, a thread goes on without anybody.
        """
        if len(self._running) >= RUNNING:
            return failed(f"{tool.name} is busy. Try again later.")
        started = asyncio.Event()
        keywords = {**arguments, REQUEST: request} if way.takes_request else dict(arguments)
        # No group could be left while foreign code ignores its cancel.
        task = asyncio.create_task(self._run(tool.name, way, keywords, started))
        self._running.add(task)
        task.add_done_callback(self._forget)
        try:
            await asyncio.wait({task}, timeout=way.timeout_s)
        finally:
            task.cancel()
        if not task.done():
            log.warning("session %s: tool %s took more than %g s", request.session, tool.name, way.timeout_s)
            if not started.is_set():
                return failed(f"{tool.name} is busy: it could not begin. Try again later.")
            return unknown(f"{tool.name} did not answer within {way.timeout_s:g} seconds.")
        if task.cancelled():
            return unknown(f"{tool.name} was cancelled.")
        error = task.exception()
        return done(task.result()) if error is None else failed(f"{tool.name}: {error}")

    async def _run(self, name: str, way: PythonEntry, keywords: dict[str, Any], started: asyncio.Event) -> str:
        work = partial(way.function, **keywords)
        if not way.is_async:
            value = await self._threads.run(name, lambda: _written(work()), started.set)
            if not inspect.isawaitable(value):
                return str(value)
            work = partial(lambda pending: pending, value)
        started.set()
        with foreign_code(name):
            return str(_written(await work()))

    def _forget(self, task: asyncio.Task[str]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be left to look at it


def _written(value: Any) -> Any:
    """Return what a function returned as text: a string as it is, anything else as JSON. An awaitable stays one."""
    if isinstance(value, str) or inspect.isawaitable(value):
        return value
    if value is None:
        return DONE_WORDS
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return f"{DONE_WORDS} [Its answer cannot be written as JSON.]"
