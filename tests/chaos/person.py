"""A person of the chaos: the real client, which says lines of the script and listens for what is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from clients.desktop import events
from clients.desktop.conversation import Conversation
from clients.desktop.failures import ClientError
from tests.chaos.ear import Ear
from tests.chaos.journal import Journals
from tests.chaos.mic_code import Utterance
from tests.chaos.mind import answer_samples
from tests.chaos.voice import said, samples_of
from tests.chaos.wording import Heard

PATIENCE_S: Final = 20.0
"""How long one waits for what one was to hear, before the conversation is given up."""
_LOOK_S: Final = 0.05
_LAST_S: Final = 2.0
"""How long what was given of an answer may still sound when it is known that no more of it comes."""


class GivenUp(Exception):
    """The conversation has not gone on as it must; the message says what was waited for."""


@dataclass(frozen=True)
class Spoken:
    """An utterance on the microphone's clock: where it begins and ends, in samples at 16 kHz."""

    utterance: Utterance
    begin: int
    end: int


class Person:
    """One conversation: `async with Person(doors, 17) as person`. Its client may come in by any of the doors."""

    def __init__(self, doors: Sequence[str], number: int, journals: Journals, patience_s: float = PATIENCE_S) -> None:
        self.number = number
        self._journals = journals
        self.patience_s = patience_s
        self.device = Ear()
        self.spoken: list[Spoken] = []
        self.log: list[events.Event] = []
        self.failure = ""
        """Why the conversation ended before the person hung up; empty if it has not."""
        # No sample that tells where it stands survives Opus, which would be asked for over a network.
        self._conversation = Conversation(",".join(doors), self.device, reply_format="pcm16")
        self._watcher: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._hangs_up = False

    async def __aenter__(self) -> Self:
        """Come in. Raises ClientError."""
        await self._conversation.__aenter__()
        self._watcher = asyncio.create_task(self._watch())
        while not (self.session or self.failure):
            await self._news.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.hang_up()

    async def hang_up(self) -> None:
        """End the conversation; again it does nothing."""
        self._hangs_up = True
        await self._conversation.__aexit__(None, None, None)
        if self._watcher is not None:
            await self._watcher

    async def _watch(self) -> None:
        try:
            async for event in self._conversation:
                self.log.append(event)
                self._tell()
        except ClientError as problem:
            self.failure = self.failure or str(problem)
        if not self._hangs_up:
            self.failure = self.failure or "the server ended the conversation"
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    # Speaking

    def say(self, line: int) -> Spoken:
        """Say a line now."""
        utterance = Utterance(line, self.number, len(self.spoken) + 1)
        begin = self.device.say(said(utterance))
        spoken = Spoken(utterance, begin, begin + samples_of(line))
        self.spoken.append(spoken)
        return spoken

    # Waiting

    async def hears(self, spoken: Spoken, s: float) -> None:
        """Wait until so much of the answer has been heard. Raises GivenUp."""
        await self._hears(spoken, round(s * 24_000), f"{s:g} s of the answer to utterance {spoken.utterance.number}")

    async def hears_out(self, spoken: Spoken) -> None:
        """Wait until the answer has been heard to its end. Raises GivenUp."""
        samples = answer_samples(spoken.utterance)
        await self._hears(spoken, samples, f"the end of the answer to utterance {spoken.utterance.number}")

    async def _hears(self, spoken: Spoken, samples: int, what: str) -> None:
        """An answer to half of what was said is one, too, if there is no other: what it lacks, history tells."""
        awaited: dict[Heard, asyncio.Event] = {}
        try:
            async with asyncio.timeout(self.patience_s):
                while not any(event.is_set() for event in awaited.values()):
                    self.check()
                    asked = [a for a in self._journals.asked(self.number) if a.heard.utterance == spoken.utterance]
                    if any(one.is_nothing_more for one in asked):
                        await asyncio.sleep(_LAST_S)
                        return
                    for heard in {Heard(spoken.utterance), *(one.heard for one in asked)}:
                        if heard not in awaited:
                            awaited[heard] = self.device.hears(heard, samples)
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise GivenUp(f"{what} was not heard within {self.patience_s:g} s") from None

    async def sees(self, activity: events.Activity, after: int) -> None:
        """Wait until the conversation is in a state, later than the first `after` events. Raises GivenUp."""
        try:
            async with asyncio.timeout(self.patience_s):
                while not any(
                    isinstance(event, events.State) and event.activity == activity for event in self.log[after:]
                ):
                    self.check()
                    await self._news.wait()
        except TimeoutError:
            raise GivenUp(f"the conversation was not {activity.value} within {self.patience_s:g} s") from None

    def check(self) -> None:
        """Raise GivenUp if the conversation is over."""
        if self.failure:
            raise GivenUp(self.failure)

    # What it was

    @property
    def session(self) -> str:
        """The session's id; "" before it is known."""
        return next((event.session for event in self.log if isinstance(event, events.Opened)), "")

    @property
    def dropped_frames(self) -> int:
        """Frames of the microphone that the client has given up."""
        return self._conversation.dropped_mic_frames

    @property
    def activity(self) -> events.Activity:
        """What the conversation was doing, as far as the client was told."""
        states = [event.activity for event in self.log if isinstance(event, events.State)]
        return states[-1] if states else events.Activity.UNKNOWN
