"""The recognitions of one session: what the core wants heard, by the item it will be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from services.engine.parts import Hearing, Listening, PartError
from services.engine.protocol.events import Action
from services.engine.protocol.realtime import RealtimeSession

Perform = Callable[[Iterable[Action]], None]
"""Carries out what the core decided."""


class Recognitions:
    """Feeds the turns to the recogniser, and tells the core what it understands of them."""

    def __init__(self, listening: Listening, core: RealtimeSession, perform: Perform, tasks: asyncio.TaskGroup) -> None:
        self._listening = listening
        self._core = core
        self._perform = perform
        self._tasks = tasks
        self._hearings: dict[str, Hearing] = {}
        self._understandings: dict[str, asyncio.Task[None]] = {}

    def listen(self, item_id: str, language: str, prompt: str) -> None:
        """A turn begins."""

        def tell(words: str) -> None:
            if item_id in self._hearings:
                self._perform(self._core.words(item_id, words))

        self._hearings[item_id] = self._listening.listen(language, prompt, tell)

    def hear(self, item_id: str, pcm: bytes) -> None:
        """More of a turn: PCM16LE mono at 24 kHz."""
        self._hearings[item_id].feed(pcm)

    def understand(self, item_id: str) -> None:
        """A turn is complete."""
        task = self._tasks.create_task(self._understand(item_id, self._hearings[item_id]))
        self._understandings[item_id] = task
        task.add_done_callback(lambda _: self._understandings.pop(item_id, None))

    def forget(self, item_id: str) -> None:
        """A turn is void."""
        if (hearing := self._hearings.pop(item_id, None)) is not None:
            hearing.forget()
        if (understanding := self._understandings.pop(item_id, None)) is not None:
            understanding.cancel()

    async def settle(self, item_ids: Iterable[str]) -> None:
        """Wait until it is known what was said in each of these items."""
        pending = [self._understandings[item_id] for item_id in item_ids if item_id in self._understandings]
        if pending:
            await asyncio.wait(pending)

    def close(self) -> None:
        """Nothing more is wanted."""
        for item_id in list(self._hearings):
            self.forget(item_id)

    async def _understand(self, item_id: str, hearing: Hearing) -> None:
        try:
            text = await hearing.text()
        except PartError as error:
            self._hearings.pop(item_id, None)
            self._perform(self._core.transcription_failed(item_id, error))
        else:
            self._hearings.pop(item_id, None)
            self._perform(self._core.transcribed(item_id, text))
