"""A person at the real client: says things at chosen moments, and keeps what happened and what was heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from clients.desktop import events
from clients.desktop.conversation import Conversation
from clients.desktop.headless import HeadlessDevice
from tests.fakes import speech
from tests.fakes.position_code import PositionDecoder, Run, Runs

E = TypeVar("E", bound=events.Event)

FADE_SAMPLES = 120
"""A flushed reply fades out over 5 ms."""


class Person:
    """One headless desktop client in a conversation: `async with Person(ring.ingress) as person`."""

    def __init__(self, server: str, latency_ms: float = 0, agent: str = "") -> None:
        self.device = HeadlessDevice(latency_ms)
        self.log: list[events.Event] = []
        self._conversation = Conversation(server, self.device, agent=agent)
        self._watcher: asyncio.Task[None] | None = None
        self._decoded: tuple[PositionDecoder, int, Runs] | None = None
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self._conversation.__aenter__()
        self._watcher = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._conversation.__aexit__(kind, problem, trace)
        await self.ended()

    async def ended(self) -> None:
        """Wait until the conversation is over. Raises the ClientError that ended it, once."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            await watcher

    async def _watch(self) -> None:
        async for event in self._conversation:
            self.log.append(event)
            self._news.set()

    # Doing

    def says(self, *parts: bytes) -> None:
        """Say this now."""
        self.device.say(speech.join(*parts))

    def presses_stop(self) -> None:
        """Press the key that takes the floor."""
        self._conversation.interrupt()

    def types(self, text: str) -> None:
        """Type a turn."""
        self._conversation.say_text(text)

    # Waiting

    async def until(self, what: Callable[[], E | None], timeout_s: float = 15.0) -> E:
        """Wait until something has happened and return it."""
        async with asyncio.timeout(timeout_s):
            while (found := what()) is None:
                self._news.clear()
                await self._news.wait()
        return found

    async def sees(self, kind: type[E], *, after: int = 0, **fields: object) -> E:
        """Wait for an event of this kind, later than the first `after` of the log, with these fields."""

        def find() -> E | None:
            for event in self.log[after:]:
                if isinstance(event, kind) and all(getattr(event, k) == v for k, v in fields.items()):
                    return event
            return None

        return await self.until(find)

    async def hears(self, reply: int, ms: float) -> None:
        """Wait until so much of a reply has been heard."""
        await self.sees(events.ReplyStarted, reply=reply)
        await asyncio.sleep(ms / 1000)

    # What it was

    @property
    def session(self) -> str:
        """The session's id."""
        return self.of(events.Opened)[0].session

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of one kind."""
        return [event for event in self.log if isinstance(event, kind)]

    def heard(self, decoder: PositionDecoder) -> list[Run]:
        """Return which samples of which track left the speaker, in order; fails on sound that is no reply's."""
        pcm = self.device.recording().assistant().tobytes()
        if self._decoded is None or self._decoded[:2] != (decoder, len(pcm)):
            # Once, however often it is asked for: it takes so long that another client of this loop misses its pings.
            self._decoded = (decoder, len(pcm), decoder.decode(pcm))
        runs = self._decoded[2]
        assert runs.unknown_samples <= FADE_SAMPLES * len(self.of(events.Silenced)), "sound that no reply holds"
        return list(runs)

    def assert_nothing_dead_was_heard(self, decoder: PositionDecoder) -> None:
        """After each flush not one sample of a reply that had begun before it leaves the speaker."""
        for silenced in self.of(events.Silenced):
            dead = {run.track for run in self.heard(decoder) if run.at_sample < silenced.at.played_samples}
            late = [
                run
                for run in self.heard(decoder)
                if run.track in dead and run.at_sample + run.samples > silenced.at.played_samples + FADE_SAMPLES
            ]
            assert late == [], f"after flush {silenced.seq} at {silenced.at.played_samples}: {late}"
