"""A conversation and a sound card for the screen's tests: they do what the test says, and note what they were asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Self, cast

from textual.widgets import Static

from clients.desktop import events
from clients.desktop.bug_report import VoiceTap
from clients.desktop.conversation import Conversation
from clients.desktop.events import Activity, Event, Moment, Who
from clients.desktop.failures import ClientError, UsageError
from clients.desktop.meters import EchoState, Levels, Quality
from clients.desktop.playhead import Playhead
from clients.desktop.sound_card.devices import SoundDevice
from clients.desktop.terminal.app import ParleyApp

AT = Moment(0.0, 0, 0)
OPENED = events.Opened(AT, "s", "t", 200, 200, 0)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 50.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def text(app: ParleyApp, id_: str) -> str:
    """Return what a part of the screen says."""
    return str(app.screen_stack[0].query_one(f"#{id_}", Static).content)


def captions(app: ParleyApp) -> list[str]:
    """Return the lines of captions."""
    return [str(line.content) for line in app.screen_stack[0].query("#captions Static").results(Static) if line.display]


async def until(so: Callable[[], bool]) -> None:
    """Wait until something is so, for long on a busy machine."""
    async with asyncio.timeout(30):
        while not so():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def plugged(number: int, name: str, inputs: int, outputs: int, is_default: bool = False) -> SoundDevice:
    """Return a sound device."""
    return SoundDevice(number, name, "ALSA", inputs, outputs, 48_000, is_default and bool(inputs), is_default)


class StageCard:
    """A sound card of which devices come and go."""

    def __init__(self) -> None:
        self.tracks: Any = None
        self.levels = Levels(-24.0, -24.0, -31.0)
        self.plugged = [plugged(0, "Laptop microphone", 1, 0, True), plugged(1, "Laptop speaker", 0, 2, True)]
        self.asked: list[tuple[str, str | None]] = []

    def devices(self) -> list[SoundDevice]:
        """Return what is plugged in."""
        return self.plugged

    async def refresh(self) -> list[SoundDevice]:
        """Look again."""
        return list(self.plugged)

    def choose(self, input: str | None = None, output: str | None = None) -> None:
        """Note the choice; the headset is in use."""
        self.asked.append(("input", input) if input else ("output", output))
        if "Headset" in (input, output):
            raise UsageError("Headset is in use by another program.")

    def switch_echo(self, way: str) -> str:
        """Note the way; what the server has to know waits."""
        self.asked.append(("echo", way))
        return "From the next call on." if way == "server" else ""


class StageConversation:
    """A conversation whose events the test feeds."""

    def __init__(self, refusal: ClientError | None = None) -> None:
        self.device = StageCard()
        self.head = Playhead(0, 0)
        self.playout = SimpleNamespace(playhead=lambda: self.head)
        self.quality = Quality(
            EchoState("device", 31.0), start_ms=20, microphone="Laptop microphone", speaker="Laptop speaker"
        )
        self.asked: list[tuple[str, object]] = []
        self.is_open = False
        self._refusal = refusal
        self._events: asyncio.Queue[Event | ClientError | None] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        """Open, or be refused."""
        if self._refusal:
            raise self._refusal
        self.is_open = True
        self.feed(OPENED)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is left."""

    def __aiter__(self) -> Self:
        """Be iterated."""
        return self

    async def __anext__(self) -> Event:
        """Return what the test has fed."""
        event = await self._events.get()
        if event is None:
            raise StopAsyncIteration
        if isinstance(event, ClientError):
            raise event
        return event

    def feed(self, *fed: Event | ClientError | None) -> None:
        """Let these happen; None: the end."""
        for event in fed:
            self._events.put_nowait(event)

    def mute(self, muted: bool) -> None:
        """Note it."""
        self.asked.append(("mute", muted))

    def push_to_talk(self, pressed: bool) -> None:
        """Note it."""
        self.asked.append(("push_to_talk", pressed))

    def interrupt(self) -> None:
        """Note it."""
        self.asked.append(("interrupt", True))

    def say_text(self, text: str) -> None:
        """Note it."""
        self.asked.append(("say", text))

    async def hang_up(self, reason: str = "") -> None:
        """End."""
        self.asked.append(("hang_up", True))
        self.feed(events.Closed(AT, "The conversation is over.", "client"), None)


def calls(*conversations: StageConversation) -> Callable[[VoiceTap], Conversation]:
    """Return what begins these, one after the other."""
    waiting = iter(conversations)
    return lambda _: cast("Conversation", next(waiting))


def scene() -> list[Event]:
    """A question, its answer, and a story that was cut off: what a picture of the screen shows."""

    def said(text: str, reply: int, position: int) -> Event:
        return events.Caption(AT, Who.ASSISTANT, text, False, False, reply, position, reply)

    def line(who: Who, text: str, turn: int, interrupted: bool = False) -> Event:
        return events.Caption(AT, who, text, True, interrupted, turn if who is Who.ASSISTANT else 0, 0, turn)

    story = "Once upon a time, at the foot of a mountain that nobody had climbed,"
    stages = {"vad.endpoint": 312, "broker.commit": 2, "model.first_audio": 148, "egress.first_frame": 1}
    return [
        line(Who.USER, "What time is it?", 1),
        said("It is", 1, 0),
        said(" half past ten.", 1, 9_000),
        events.ReplyPlayed(AT, 1, 30_000),
        line(Who.ASSISTANT, "It is half past ten.", 1),
        line(Who.USER, "Tell me a story.", 2),
        *(said(f"{' ' if i else ''}{word}", 2, i * 8_000) for i, word in enumerate(story.split())),
        events.TurnReport(
            AT, 2, 2, (*((name, float(ms)) for name, ms in stages.items()), ("client.first_sample", 41.0))
        ),
        events.Flush(AT, 1, 2),
        events.Silenced(AT, 1, 2, 56_000),
        line(Who.ASSISTANT, "Once upon a time, at the foot", 2, interrupted=True),
        line(Who.USER, "Stop! And in Rome?", 3),
        said("In Rome", 3, 0),
        said(" it is half", 3, 12_000),
        said(" past eleven.", 3, 24_000),
        events.State(AT, Activity.SPEAKING, 3),
    ]
