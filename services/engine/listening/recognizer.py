"""Speech to text while the person still speaks: turns share a bounded pool of decoder processes.

A turn gets a decoder as soon as one is free, and is decoded as its audio comes. When turns are more than
decoders, a completed turn goes first, and a turn still being spoken gives its decoder up to it; it is decoded
from its start later. So text never gets lost, it only comes later.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from services.engine.parts import OnWords, PartError
from services.engine.worker import Worker, WorkerDiedError, WorkerError

_WORKER = "services.engine.listening.recognizer_worker"
_CHUNK_BYTES = 24_000  # half a second: how long an urgent turn may have to wait for the pipe
_IDLE_S = 2.0  # a silent turn keeps its decoder this long if another wants it
_ATTEMPTS = 2


class Hearing:
    """The recognition of one turn. `feed` its audio, then wait for `text`; or `forget` it."""

    def __init__(self, pool: Recognizer, on_words: OnWords | None = None) -> None:
        self._pool = pool
        self._on_words = on_words
        self._told = 0
        self.pcm = bytearray()
        self.complete = False
        self.served = False
        self.attempts = 0
        self.result: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def feed(self, pcm: bytes) -> None:
        """Add PCM16LE mono at 24 kHz."""
        self.pcm += pcm
        self._pool.wake()

    async def text(self) -> str:
        """The words of the completed turn, lower case; empty if there were none.

        Raises PartError if its decoder broke, twice.
        """
        self.complete = True
        self._pool.wake()
        return await self.result

    def forget(self) -> None:
        """Drop the turn."""
        self.result.cancel()
        self._pool.wake()

    def tell(self, certain: list[str]) -> None:
        """Pass on the words that were not told yet; a turn that is decoded again has told some already."""
        fresh = certain[self._told :]
        if fresh and self._on_words is not None and not self.over:
            text = " ".join(fresh)
            self._on_words(f" {text}" if self._told else text)
        self._told = max(self._told, len(certain))

    @property
    def over(self) -> bool:
        """Nothing is left to do."""
        return self.result.done()


class Recognizer:
    """The pool: `async with Recognizer(decoders=2) as r: hearing = r.listen()`.

    Decoders hold about 150 MB each and are loaded before the pool is entered.
    """

    def __init__(self, decoders: int = 2) -> None:
        self._count = decoders
        self._hearings: list[Hearing] = []
        self._changed = asyncio.Event()
        self._workers = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Recognizer:
        async with AsyncExitStack() as begun:  # where loading fails, or is cancelled, no decoder outlives it
            workers = [await begun.enter_async_context(Worker(_WORKER)) for _ in range(self._count)]
            await asyncio.gather(*(worker.ask({"do": "load"}) for worker in workers))
            self._workers = begun.pop_all()
        self._tasks = [asyncio.create_task(self._serve(worker)) for worker in workers]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._workers.aclose()

    def listen(self, language: str = "", prompt: str = "", on_words: OnWords | None = None) -> Hearing:
        """Begin a turn. The decoders know English alone, and take no prompt."""
        hearing = Hearing(self, on_words)
        self._hearings.append(hearing)
        return hearing

    def wake(self) -> None:
        """Something changed in a turn: let the decoders look."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _serve(self, worker: Worker) -> None:
        while True:
            hearing = self._next()
            if hearing is None:
                await self._changed.wait()
                continue
            hearing.served = True
            try:
                await self._decode(worker, hearing)
            except WorkerError as error:
                self._blame(hearing, error)
                if not worker.alive:
                    await worker.close()
                    await worker.start()
            finally:
                hearing.served = False

    def _next(self) -> Hearing | None:
        self._hearings = [hearing for hearing in self._hearings if not hearing.over]
        waiting = [hearing for hearing in self._hearings if not hearing.served and hearing.pcm]
        # A completed turn first; among equals the oldest.
        return min(waiting, key=lambda hearing: not hearing.complete, default=None)

    def _wanted(self, urgently: bool) -> bool:
        return any(not other.served and (other.complete or not urgently) for other in self._hearings)

    async def _decode(self, worker: Worker, hearing: Hearing) -> None:
        """Decode a turn to its end, or until another needs the decoder more."""
        await worker.tell({"do": "begin"})
        sent = 0
        while not hearing.over:
            changed = self._changed
            if sent < len(hearing.pcm):
                chunk = bytes(hearing.pcm[sent : sent + _CHUNK_BYTES])
                sent += len(chunk)
                answer, _ = await worker.ask({"do": "hear"}, chunk)
                hearing.tell(answer["words"])
            elif hearing.complete:
                answer, _ = await worker.ask({"do": "end"})
                if not hearing.over:
                    hearing.result.set_result(answer["text"])
                return
            if hearing.complete:
                continue
            if self._wanted(urgently=True):
                return
            if sent == len(hearing.pcm) and not await _within(changed, _IDLE_S) and self._wanted(urgently=False):
                return

    def _blame(self, hearing: Hearing, error: WorkerError) -> None:
        hearing.attempts += 1
        lasting = hearing.attempts >= _ATTEMPTS or not isinstance(error, WorkerDiedError)
        if lasting and not hearing.over:
            hearing.result.set_exception(PartError("failed", f"the recogniser: {error}"))


async def _within(changed: asyncio.Event, patience_s: float) -> bool:
    try:
        await asyncio.wait_for(changed.wait(), patience_s)
    except TimeoutError:
        return False
    return True
