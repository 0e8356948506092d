"""A server behind the seam of httpx: it answers in turn, and time passes only while its client waits to try again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx


@dataclass
class ScriptedHttp:
    """Answers in turn; time passes only while its client waits."""

    answers: Iterator[httpx.Response | Exception]
    got: list[httpx.Request] = field(default_factory=list)
    now_s: float = 1_700_000_000.9
    waits_s: list[float] = field(default_factory=list)

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Take a request."""
        self.got.append(request)
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.waits_s.append(seconds)
        self.now_s += seconds
