"""One client's session: its socket, its protocol core, and the tasks that listen, judge, think and speak for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from websockets.exceptions import ConnectionClosed

from services.engine.meter import EngineMeter
from services.engine.parts import Parts
from services.engine.protocol.configuration import Configuration
from services.engine.protocol.events import (
    Action,
    Answer,
    AwaitSpeech,
    Forget,
    Hear,
    Hush,
    Judge,
    Listen,
    Send,
    StopAwaiting,
    Understand,
    new_id,
)
from services.engine.protocol.realtime import SESSION_LIMIT_S, RealtimeSession
from services.engine.recognitions import Recognitions
from services.engine.replies import Replies
from services.vad.judge import Judge as TurnJudge
from services.vad.silero import SileroModel

_ROOM: Final = 64  # events a reply may be ahead of the socket: a client that reads slowly slows its own replies
_MAX_OUTBOX: Final = 4096  # events a client may leave unread, whatever it asks for, before it is closed
_MAX_UNREAD_BYTES: Final = 64 << 20  # and how large they may be together: retrieved audio is
_LAST_WORDS_S: Final = 1.0
_EXPIRED, _TOO_SLOW = 1001, 1008


class Connection(Protocol):
    """The client's socket."""

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Give the client's messages, until it leaves."""

    async def send(self, message: str) -> None:
        """Send a message. Raises ConnectionClosed."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """End the connection."""


@dataclass(frozen=True, slots=True)
class Means:
    """What all sessions share: the engine's parts, and the ear and its judge of finished turns.

    `pace` is the speed at which replies are delivered, as a factor on real time.
    """

    parts: Parts
    pace: float
    ear: SileroModel
    judge: TurnJudge
    meter: EngineMeter = field(default_factory=EngineMeter)


class Session:
    """Runs one connection to its end: `await Session(connection, means, model).run()`."""

    def __init__(self, connection: Connection, means: Means, model: str, *, transcribes_only: bool = False) -> None:
        self._connection = connection
        self._means = means
        expires_at = int(time.time()) + SESSION_LIMIT_S
        session_id = new_id("sess")
        configuration = Configuration(
            session_id, model, expires_at, transcribes_only=transcribes_only, is_voice=means.parts.is_voice
        )
        self._core = RealtimeSession(configuration, means.ear)
        self._outbox: asyncio.Queue[str] = asyncio.Queue()
        self._unread_bytes = 0
        self._read_enough = asyncio.Event()
        self._judgements: set[asyncio.Task[None]] = set()
        self._idle: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Serve the client until it leaves, reads too slowly, or its hour is over."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self._recognitions = Recognitions(self._means.parts.listening, self._core, self._perform, tasks)
            self._replies = Replies(
                self._means.parts,
                self._means.pace,
                self._core,
                self._perform,
                self._recognitions,
                self._room,
                tasks,
                self._means.meter,
            )
            writer = tasks.create_task(self._write())
            try:
                self._perform(self._core.open())
                await self._read()
            finally:
                self._stop_awaiting()
                self._replies.close()
                self._recognitions.close()
                for task in (writer, *self._judgements):
                    task.cancel()

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(SESSION_LIMIT_S):
                async for message in self._connection:
                    self._perform(self._core.receive(message))
                    while self._core.is_behind:
                        await asyncio.sleep(0)  # a long append is heard in portions, and others in between
                        self._perform(self._core.catch_up())
                    await asyncio.sleep(0)  # others get their turn, however fast this client sends
                    if self._outbox.qsize() > _MAX_OUTBOX or self._unread_bytes > _MAX_UNREAD_BYTES:
                        await self._connection.close(_TOO_SLOW, "events are not being read")
        except ConnectionClosed:
            pass
        except TimeoutError:
            self._replies.close()
            self._perform(self._core.expire())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._outbox.join(), _LAST_WORDS_S)
            await self._connection.close(_EXPIRED, "session expired")

    async def _write(self) -> None:
        try:
            while True:
                message = await self._outbox.get()
                await self._connection.send(message)
                self._unread_bytes -= len(message)
                self._outbox.task_done()
                if self._outbox.qsize() <= _ROOM:
                    self._read_enough.set()
        except ConnectionClosed:
            pass

    async def _room(self) -> None:
        if self._outbox.qsize() > _ROOM:
            self._read_enough.clear()
            await self._read_enough.wait()

    def _perform(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Send(event):
                    message = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
                    self._unread_bytes += len(message)
                    self._outbox.put_nowait(message)
                case Listen(item_id, language, prompt):
                    self._recognitions.listen(item_id, language, prompt)
                case Hear(item_id, pcm):
                    self._recognitions.hear(item_id, pcm)
                case Understand(item_id):
                    self._recognitions.understand(item_id)
                case Forget(item_id):
                    self._recognitions.forget(item_id)
                case Judge():
                    self._begin_judgement(action)
                case AwaitSpeech(seconds):
                    self._stop_awaiting()
                    self._idle = asyncio.get_running_loop().call_later(seconds, self._be_idle)
                case StopAwaiting():
                    self._stop_awaiting()
                case Answer(response_id):
                    self._replies.answer(response_id)
                case Hush(response_id):
                    self._replies.hush(response_id)

    # The ear

    def _begin_judgement(self, question: Judge) -> None:
        task = self._tasks.create_task(self._judge(question))
        self._judgements.add(task)
        task.add_done_callback(self._judgements.discard)

    async def _judge(self, question: Judge) -> None:
        complete = await self._means.judge.judge(question.pcm)
        self._perform(self._core.judged(question.turn, question.pause, complete))

    def _be_idle(self) -> None:
        self._idle = None
        self._perform(self._core.idle())

    def _stop_awaiting(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
