"""A worker that is there again after it has died: for parts whose process may crash."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from services.engine.worker import Header, Worker, WorkerDiedError


class SteadyWorker:
    """`async with SteadyWorker(module, opening) as worker: await worker.ask(…)`.

    `opening` is asked of every new process before anything else, so that it has loaded what it needs.
    """

    def __init__(self, module: str, opening: Header | None = None) -> None:
        self._module = module
        self._opening = opening
        self._worker = Worker(module)
        self._replacing = asyncio.Lock()

    async def __aenter__(self) -> SteadyWorker:
        async with AsyncExitStack() as undo:  # no process outlives a beginning that failed or was cancelled
            undo.push_async_callback(self._worker.close)
            await self._start(self._worker)
            undo.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._worker.close()

    async def ask(self, question: Header, payload: bytes = b"") -> tuple[Header, bytes]:
        """Ask; a second process is asked if the first one dies of it. Raises WorkerError."""
        worker = self._worker
        try:
            return await worker.ask(question, payload)
        except WorkerDiedError:
            await self._replace(worker)
            return await self._worker.ask(question, payload)

    async def _start(self, worker: Worker) -> None:
        await worker.start()
        if self._opening is not None:
            await worker.ask(self._opening)

    async def _replace(self, dead: Worker) -> None:
        async with self._replacing:
            if self._worker is not dead:
                return  # another question has done it
            await dead.close()
            self._worker = Worker(self._module)
            await self._start(self._worker)
