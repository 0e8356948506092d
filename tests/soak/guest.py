"""A guest: the real client, which comes, speaks, is answered, and leaves in one way or another."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from clients.desktop import events
from clients.desktop.conversation import Conversation
from clients.desktop.failures import ClientError, ServerRefused
from clients.desktop.headless import HeadlessDevice
from clients.desktop.sound import MIC_HZ
from clients.desktop.transport import Transport, connect
from tests.fakes import speech
from tests.soak.manners import Act, Leaving, Manners

QUESTIONS: Final = ("What time is it over there?", "Tell me about the weather tomorrow.", "What happened next?")
OBJECTION: Final = "No, wait a moment, I would rather hear about something else."

PATIENCE_S: Final = 30.0
"""How long one waits for what must come."""
_INTO_S: Final = 0.8
"""How much of an answer is heard before it is cut off."""


class GaveUp(Exception):
    """What must come has not come, or the conversation has ended; the message says which."""


@dataclass
class Visit:
    """What came of it. Latencies with the moment (monotonic) at which they were known."""

    answers_s: list[tuple[float, float]] = field(default_factory=list)
    """From the end of a question to the first sample of its answer, by the microphone's clock."""
    silences_s: list[tuple[float, float]] = field(default_factory=list)
    """From the key to silence."""
    done: Counter[str] = field(default_factory=Counter)
    failure: str = ""
    turned_away: str = ""
    """What it was told, if it was not let in."""


@cache
def sound(text: str) -> bytes:
    """Return a line as the microphone hears it."""
    return speech.join(speech.say(text, "en-us", 175))


def prepare() -> None:
    """Have everything synthesised now instead of when it is to be said."""
    for text in (*QUESTIONS, OBJECTION):
        sound(text)


class Guest:
    """`visit = await Guest(door, manners).stay()`. It keeps coming back to where it was, until it has vanished."""

    def __init__(self, door: str, manners: Manners) -> None:
        self.visit = Visit()
        self.device = HeadlessDevice(keep_recording=False)
        self._manners = manners
        self._conversation = Conversation(door, self.device, dial=self._dial)
        self._transport: Transport | None = None
        self._has_vanished = False
        self._log: list[events.Event] = []
        self._is_over = ""
        self._news = asyncio.Event()
        self._questions = 0

    async def stay(self) -> Visit:
        """Hold the conversation. Raises nothing: what went wrong stands in the visit."""
        try:
            async with self._conversation:
                watching = asyncio.create_task(self._watch())
                try:
                    for act in self._manners.acts:
                        await self._exchange(act)
                    await self._leave()
                finally:
                    await self._conversation.hang_up()
                    await watching
        except ServerRefused as why:
            self.visit.turned_away = str(why)
        except (GaveUp, ClientError) as why:
            self.visit.failure = str(why)
        return self.visit

    @asynccontextmanager
    async def _dial(self, server: str) -> AsyncIterator[Transport]:
        if self._has_vanished:
            await asyncio.Event().wait()
        async with connect(server) as self._transport:
            yield self._transport

    async def _watch(self) -> None:
        try:
            async for event in self._conversation:
                self._log.append(event)
                self._tell()
        except ClientError as problem:
            self._is_over = str(problem)
        self._is_over = self._is_over or "it has ended"
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    # What it does.

    async def _exchange(self, act: Act) -> None:
        """Ask, and do something about the answer. Raises GaveUp."""
        reply = await self._ask(sound(QUESTIONS[self._questions % len(QUESTIONS)]))
        self._questions += 1
        if act is Act.LISTEN:
            await self._hear_out(reply)
        else:
            await asyncio.sleep(_INTO_S)
        seen = len(self._log)
        match act:
            case Act.KEY:
                pressed_s = time.monotonic()
                self._conversation.interrupt()
                await self._until(seen, lambda event: isinstance(event, events.Silenced), "silence after the key")
                self.visit.silences_s.append((time.monotonic(), time.monotonic() - pressed_s))
            case Act.OBJECT:
                await self._hear_out(await self._ask(sound(OBJECTION)))
            case Act.BREAK:
                self._break()
                await self._until(seen, lambda event: isinstance(event, events.Resumed), "being taken up again")
                await self._hear_out(reply)
        self.visit.done[act.value] += 1

    async def _ask(self, pcm: bytes) -> int:
        """Say something; return the number of the reply that answers it, once it begins to sound."""
        seen = len(self._log)
        end = self.device.say(pcm) + len(pcm) // 2
        started = await self._until(
            seen,
            lambda event: isinstance(event, events.ReplyStarted) and event.at.mic_offset >= end,
            "an answer",
        )
        assert isinstance(started, events.ReplyStarted)
        self.visit.answers_s.append((time.monotonic(), (started.at.mic_offset - end) / MIC_HZ))
        return started.reply

    async def _hear_out(self, reply: int) -> None:
        await self._until(
            0, lambda event: isinstance(event, events.ReplyPlayed) and event.reply >= reply, "the end of an answer"
        )

    def _break(self) -> None:
        assert self._transport is not None
        self._transport.abandon()

    async def _leave(self) -> None:
        """Leave; whoever vanishes says nothing, and comes back never more."""
        if self._manners.leaving is Leaving.VANISH:
            seen, self._has_vanished = len(self._log), True
            self._break()
            await self._until(seen, lambda event: isinstance(event, events.Reconnecting), "the loss of the connection")
        self.visit.done[self._manners.leaving.value] += 1

    async def _until(self, seen: int, is_it: Callable[[events.Event], bool], what: str) -> events.Event:
        """Return the first such event after those `seen`. Raises GaveUp."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    for event in self._log[seen:]:
                        if is_it(event):
                            return event
                    if self._is_over:
                        raise GaveUp(f"{self._is_over} while {what} was waited for")
                    seen = len(self._log)
                    await self._news.wait()
        except TimeoutError:
            raise GaveUp(f"{what} was waited for {PATIENCE_S:g} s in vain") from None
