"""One client's session: its socket, its protocol core, and the tasks that listen, think and speak for it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from services.engine.conversation import Item
from services.engine.delivery import Piece
from services.engine.events import Action, Answer, Forget, Hear, Hush, Send, Understand
from services.engine.parts import Context, Hearing, Line, PartError, Parts, Speaker
from services.engine.pipeline import Manner, replying
from services.engine.realtime import SESSION_LIMIT_S, RealtimeSession
from services.engine.response import Response

_ROOM = 64  # events a reply may be ahead of the socket: a client that reads slowly slows its own replies
_MAX_OUTBOX = 4096  # events a client may leave unread, whatever it asks for, before it is closed
_EXPIRED, _TOO_SLOW = 1001, 1008


@dataclass(frozen=True, slots=True)
class Means:
    """What all sessions share. `pace` is the speed of replies, as a factor on real time."""

    parts: Parts
    pace: float


class Session:
    """Runs one connection to its end: `await Session(connection, model, means).run()`."""

    def __init__(self, connection: ServerConnection, model: str, means: Means) -> None:
        self._connection = connection
        self._means = means
        self._core = RealtimeSession(model, int(time.time()))
        self._outbox: asyncio.Queue[str] = asyncio.Queue()
        self._room = asyncio.Event()
        self._hearing: Hearing | None = None  # of the turn that is being spoken
        self._hearings: set[Hearing] = set()  # with those that are still being recognised
        self._understandings: dict[str, asyncio.Task[None]] = {}
        self._answers: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Serve the client until it leaves, reads too slowly, or its hour is over."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                writer = tasks.create_task(self._write())
                self._perform(self._core.open())
                await self._read()
                for task in [writer, *self._understandings.values(), *self._answers.values()]:
                    task.cancel()
        finally:
            for hearing in self._hearings:
                hearing.forget()

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(SESSION_LIMIT_S):
                async for message in self._connection:
                    self._perform(self._core.receive(message))
                    if self._outbox.qsize() > _MAX_OUTBOX:
                        await self._connection.close(_TOO_SLOW, "events are not being read")
        except ConnectionClosed:
            pass
        except TimeoutError:
            self._perform(self._core.expire())
            await asyncio.wait_for(self._outbox.join(), 1.0)
            await self._connection.close(_EXPIRED, "session expired")

    async def _write(self) -> None:
        try:
            while True:
                await self._connection.send(await self._outbox.get())
                self._outbox.task_done()
                if self._outbox.qsize() <= _ROOM:
                    self._room.set()
        except ConnectionClosed:
            pass

    def _perform(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Send(event):
                    self._outbox.put_nowait(json.dumps(event, ensure_ascii=False, separators=(",", ":")))
                case Hear(pcm):
                    self._current_hearing().feed(pcm)
                case Understand(item_id):
                    self._begin_understanding(item_id)
                case Forget():
                    self._forget()
                case Answer(response_id):
                    self._begin_answer(response_id)
                case Hush(response_id):
                    if (answering := self._answers.pop(response_id, None)) is not None:
                        answering.cancel()

    # Listening

    def _current_hearing(self) -> Hearing:
        if self._hearing is None:
            self._hearing = self._means.parts.listening.listen()
            self._hearings.add(self._hearing)
        return self._hearing

    def _forget(self) -> None:
        hearing, self._hearing = self._hearing, None
        if hearing is not None:
            hearing.forget()
            self._hearings.discard(hearing)

    def _begin_understanding(self, item_id: str) -> None:
        hearing, self._hearing = self._current_hearing(), None
        task = self._tasks.create_task(self._understand(item_id, hearing))
        self._understandings[item_id] = task
        task.add_done_callback(lambda _: self._understandings.pop(item_id, None))

    async def _understand(self, item_id: str, hearing: Hearing) -> None:
        try:
            self._perform(self._core.transcribed(item_id, await hearing.text()))
        except PartError as error:
            self._perform(self._core.transcription_failed(item_id, error.message))
        finally:
            self._hearings.discard(hearing)

    # Thinking and speaking

    def _begin_answer(self, response_id: str) -> None:
        task = self._tasks.create_task(self._answer(response_id))
        self._answers[response_id] = task
        task.add_done_callback(lambda _: self._answers.pop(response_id, None))

    async def _answer(self, response_id: str) -> None:
        try:
            await self._settle(self._core.context(response_id))
            response = self._core.response(response_id)
            assert response is not None
            lines = _lines(self._core.context(response_id))
            await self._deliver(response, Context(lines, datetime.now().astimezone(), response.instructions))
            self._perform(self._core.finish(response_id))
        except PartError as error:
            self._perform(self._core.fail(response_id, error.code, error.message))

    async def _settle(self, items: Iterable[Item]) -> None:
        """Wait until it is known what was said in each item."""
        pending = [self._understandings[item.id] for item in items if item.id in self._understandings]
        if pending:
            await asyncio.wait(pending)

    async def _deliver(self, response: Response, context: Context) -> None:
        manner = Manner(response.modality, response.voice, response.speed, self._means.pace)
        async with replying(self._means.parts, context, manner) as pieces:
            async for piece in pieces:
                if isinstance(piece, Piece):
                    self._say(response.id, piece)
                if self._outbox.qsize() > _ROOM:
                    self._room.clear()
                    await self._room.wait()

    def _say(self, response_id: str, piece: Piece) -> None:
        if piece.word:
            self._perform(self._core.speak_word(response_id, piece.word))
        if piece.pcm:
            self._perform(self._core.speak_audio(response_id, piece.pcm))


def _lines(items: Iterable[Item]) -> list[Line]:
    """The conversation as a mind takes it."""
    lines = []
    for item in items:
        call = item.call
        if item.kind == "function_call":
            lines.append(Line("call", "", call["call_id"], call["name"], call["arguments"]))
        elif item.kind == "function_call_output":
            lines.append(Line("tool", call["output"], call["call_id"]))
        else:
            lines.append(Line(cast(Speaker, item.role), item.text))
    return lines
