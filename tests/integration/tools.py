"""A workbench of tools for the broker's tests: it notes the calls, and answers when it is let."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from services.broker.tools.call import ToolRequest
from services.broker.tools.declaration import FunctionTool, PythonEntry, Retry


class Bench:
    """Tools that all answer "noon". With `hold` they answer only after `release`."""

    def __init__(self, *, hold: bool = False, answer: Callable[[str], str] = lambda at: "noon") -> None:
        self.calls: list[ToolRequest] = []
        self._answer = answer
        self._may = asyncio.Event()
        self._news = asyncio.Event()
        if not hold:
            self._may.set()

    async def _look(self, tool_request: ToolRequest, at: str = "") -> str:
        self.calls.append(tool_request)
        self._news.set()
        await self._may.wait()
        return self._answer(at)

    def tool(self, name: str, *, retry: Retry = Retry.ALWAYS) -> FunctionTool:
        """Declare one of them."""
        parameters = {"type": "object", "properties": {"at": {"type": "string"}}}
        way = PythonEntry("tests.integration.tools:Bench", self._look, is_async=True, takes_request=True)
        return FunctionTool(name, "Looks at the time.", way, parameters, retry)

    def release(self) -> None:
        """Let them answer."""
        self._may.set()

    async def called(self, count: int) -> None:
        """Wait for so many calls. Raises TimeoutError."""
        async with asyncio.timeout(10):
            while len(self.calls) < count:
                self._news.clear()
                await self._news.wait()
