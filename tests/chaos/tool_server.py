"""The operator's own server: looks things up, slowly, once for each Idempotency-Key, and remembers what was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from tests.fakes.endpoint import Endpoint, Got, Writer, answer

TAKES_S: Final = 2.5
"""How long it takes to look something up."""


@dataclass
class Errand:
    """One thing looked up. What was begun is carried out, whether or not somebody still waits for it."""

    session: str
    utterance: int
    requests: int
    work: asyncio.Task[None]


@dataclass
class ToolServer:
    """What was looked up, by Idempotency-Key. `takes_s` is how long it takes."""

    url: str = ""
    takes_s: float = TAKES_S
    errands: dict[str, Errand] = field(default_factory=dict)
    strangers: list[str] = field(default_factory=list)
    """Requests without a key, or without a session."""

    def of(self, session: str) -> list[Errand]:
        """Return what was looked up for one session."""
        return [errand for errand in self.errands.values() if errand.session == session]

    def is_at_work_for(self, session: str) -> bool:
        """Say whether something is being looked up for a session just now."""
        return any(not errand.work.done() for errand in self.of(session))

    async def serve(self, got: Got, writer: Writer) -> None:
        """Answer a request: one with a key that was seen before gets that one's answer, when it is there."""
        key, session = got.headers.get("idempotency-key", ""), got.headers.get("parley-session", "")
        if not (key and session):
            self.strangers.append(f"{got.method} {got.target}")
            await answer(status=400)(got, writer)
            return
        errand = self.errands.get(key)
        if errand is None:
            work = asyncio.create_task(asyncio.sleep(self.takes_s))
            errand = self.errands[key] = Errand(session, int(json.loads(got.body).get("utterance", 0)), 0, work)
        errand.requests += 1
        await asyncio.shield(errand.work)
        await answer({"found": True})(got, writer)


@asynccontextmanager
async def tool_server(host: str, port: int = 0) -> AsyncIterator[ToolServer]:
    """Run one."""
    here = ToolServer()
    tasks: set[asyncio.Task[None]] = set()

    async def take(reader: asyncio.StreamReader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(asyncio.CancelledError):  # the streams module takes it for a fault
            await Endpoint("", deeds=[here.serve]).serve(reader, writer)
        tasks.discard(task)

    server = await asyncio.start_server(take, host, port)
    here.url = f"http://{host}:{server.sockets[0].getsockname()[1]}"
    try:
        yield here
    finally:
        server.close()
        for task in [*tasks, *(errand.work for errand in here.errands.values())]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
