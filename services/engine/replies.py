"""The replies of one session: for each response that the core wants answered, a task that thinks and speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from services.engine.delivery import Piece
from services.engine.meter import EngineMeter
from services.engine.parts import Curtailed, PartError, Parts, ThoughtUsage, ToolCall
from services.engine.pipeline import Delivered, Manner, replying
from services.engine.protocol.realtime import RealtimeSession
from services.engine.protocol.response import Response
from services.engine.recognitions import Perform, Recognitions

Room = Callable[[], Awaitable[None]]
"""Waits until the client has read enough of what was sent."""


class Replies:
    """Answers, and stops answering at once when a response is over."""

    def __init__(
        self,
        parts: Parts,
        pace: float,
        core: RealtimeSession,
        perform: Perform,
        recognitions: Recognitions,
        room: Room,
        tasks: asyncio.TaskGroup,
        meter: EngineMeter,
    ) -> None:
        """`pace` is how many times faster than real time replies are delivered."""
        self._parts = parts
        self._pace = pace
        self._core = core
        self._perform = perform
        self._recognitions = recognitions
        self._room = room
        self._tasks = tasks
        self._meter = meter
        self._answers: dict[str, asyncio.Task[None]] = {}

    def answer(self, response_id: str) -> None:
        """Think and speak for a response."""
        task = self._tasks.create_task(self._answer(response_id))
        self._answers[response_id] = task
        task.add_done_callback(lambda _: self._answers.pop(response_id, None))

    def hush(self, response_id: str) -> None:
        """The response is over."""
        if (answering := self._answers.pop(response_id, None)) is not None:
            answering.cancel()

    def close(self) -> None:
        """Nobody listens any more."""
        for response_id in list(self._answers):
            self.hush(response_id)

    async def _answer(self, response_id: str) -> None:
        response = self._core.response(response_id)
        if response is None:
            return
        try:
            with self._meter.response() as sounds:
                await self._recognitions.settle(item.id for item in self._core.heard_by(response))
                curtailed = await self._reply(response, sounds)
        except PartError as fault:
            self._perform(self._core.fail(response_id, fault))
        else:
            self._perform(self._core.finish(response_id, curtailed))

    async def _reply(self, response: Response, sounds: Callable[[], None]) -> Curtailed | None:
        """Give the reply; `sounds` is told as it does. Returns why it is not whole, if it is not. Raises PartError."""
        wish = response.wish
        context = self._core.context(response, datetime.now().astimezone())
        manner = Manner(wish.modality, wish.audio["voice"], wish.audio["speed"], self._pace)
        curtailed: Curtailed | None = None
        fault: PartError | None = None
        async with replying(self._parts, context, manner) as pieces:
            try:
                async for piece in pieces:
                    curtailed = piece if isinstance(piece, Curtailed) else curtailed
                    self._give(response.id, piece)
                    if isinstance(piece, Piece) and piece.pcm:
                        sounds()
                    await self._room()
            except PartError as error:  # not through the context: a task group would wrap it
                fault = error
        if fault is not None:
            raise fault
        return curtailed

    def _give(self, response_id: str, piece: Delivered) -> None:
        match piece:
            case Piece(word, pcm):
                if word:
                    self._perform(self._core.word(response_id, word))
                if pcm:
                    self._perform(self._core.audio(response_id, pcm))
            case ToolCall():
                self._perform(self._core.call(response_id, piece))
            case ThoughtUsage():
                self._core.thought(response_id, piece)
