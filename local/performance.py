"""Carries the demonstration out: speaks the person's lines into a conversation, keeps time, and notes what happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from clients.desktop import events
from clients.desktop.conversation import Conversation
from clients.desktop.failures import ClientError, ConversationBroken
from clients.desktop.headless import HeadlessDevice
from clients.desktop.sound import MIC_HZ, samples_of
from local import timeline
from local.demonstration import AwaitHangup, AwaitReply, HearOut, KeepSilent, Move, Say, Scene
from local.timeline import ASSISTANT, PERSON, Speech, follow

_MIC_PER_MS: Final = MIC_HZ / 1000
_SOUND: Final = 0.03
"""What counts as sound in a synthesised line, as a part of its peak: its true beginning and end."""
_LAST_WORDS_S: Final = 0.5
_NOT_HELD: Final = "it was not held: the conversation had broken off"


class SceneFault(Exception):
    """A scene came to a stop; the message says why."""


@dataclass(frozen=True)
class SceneReport:
    """How a scene went: nothing in `failures` when it went well."""

    title: str
    speeches: Sequence[Speech]
    failures: Sequence[str]


class Performance:
    """One performance of the scenes: `reports = await Performance(…).run(scenes, exact)`.

    `voice` holds the sound of each line, PCM16 at 16 kHz; `tell` is given a line of text for each thing that happens.
    """

    def __init__(
        self,
        conversation: Conversation,
        device: HeadlessDevice,
        voice: Mapping[str, bytes],
        tell: Callable[[str], None],
    ) -> None:
        self.happened: list[timeline.Event] = []
        self._conversation = conversation
        self._device = device
        self._voice = voice
        self._tell = tell
        self._news = asyncio.Event()
        self._begun = 0
        self._over = 0
        self._mark = 0
        self._words: dict[int, str] = {}
        self._hung_up = False
        self._exact = False
        self._errors: list[str] = []

    async def run(self, scenes: Sequence[Scene], exact: bool) -> list[SceneReport]:
        """Play all scenes; a conversation that breaks off fails the scene it broke off in and those after it."""
        self._exact = exact
        begun_at: list[float] = []
        faults: dict[str, str] = {}
        try:
            async with asyncio.TaskGroup() as group:
                watcher = group.create_task(self._watch())
                for number, scene in enumerate(scenes, 1):
                    self._tell(f"\n{number} of {len(scenes)}  {scene.title}")
                    begun_at.append(self._now_ms())
                    try:
                        await self._play(scene.moves)
                    except SceneFault as fault:
                        faults[scene.title] = str(fault)
                await asyncio.sleep(_LAST_WORDS_S)
                watcher.cancel()
        except* ClientError as lost:
            current = max(0, len(begun_at) - 1)
            faults[scenes[current].title] = _first_line(lost)
            faults |= dict.fromkeys((scene.title for scene in scenes[current + 1 :]), _NOT_HELD)
        return self._report(scenes, begun_at, faults, exact)

    def speeches(self) -> list[Speech]:
        """Return what has been said so far."""
        return follow(self.happened)

    def _report(
        self, scenes: Sequence[Scene], begun_at: list[float], faults: Mapping[str, str], exact: bool
    ) -> list[SceneReport]:
        speeches = self.speeches()
        ends = [*begun_at[1:], float("inf")]
        reports = []
        for index, scene in enumerate(scenes):
            window = (begun_at[index], ends[index]) if index < len(begun_at) else (0.0, 0.0)
            within = [speech for speech in speeches if window[0] <= speech.start_ms < window[1]]
            if scene.title in faults:
                failures = [faults[scene.title], *self._what_the_server_said(faults[scene.title])]
            else:
                failures = scene.check(within, exact)
            reports.append(SceneReport(scene.title, within, failures))
        return reports

    def _what_the_server_said(self, fault: str) -> list[str]:
        """Return the errors not told yet, unless the fault says the same already."""
        told, self._errors = self._errors, []
        return [f"the server said: {error}" for error in told if error not in fault]

    # The person

    async def _play(self, moves: Sequence[Move]) -> None:
        self._mark = self._begun
        for move in moves:
            match move:
                case Say(words=words):
                    await self._say(words)
                case AwaitReply(patience_s):
                    if not await self._until(lambda: self._begun > self._mark, patience_s):
                        raise SceneFault(f"Parley did not answer within {patience_s:.0f} s")
                case KeepSilent(ms):
                    await asyncio.sleep(ms / 1000)
                case AwaitHangup(patience_s):
                    if not await self._until(lambda: self._hung_up, patience_s) and self._exact:
                        raise SceneFault(f"Parley had not hung up {patience_s:.0f} s after the goodbye")
                case HearOut(patience_s, pause_ms):
                    await self._hear_out(patience_s, pause_ms)

    async def _say(self, words: str) -> None:
        pcm = self._voice[words]
        begins_ms = self._device.say(pcm) / _MIC_PER_MS
        start_ms, end_ms = sounding(pcm)
        self.happened.append(timeline.PersonSpoke(begins_ms + start_ms, begins_ms + end_ms, words))
        self._tell(f"  {PERSON:<8}{words}")
        await asyncio.sleep(len(pcm) / 2 / MIC_HZ)

    async def _hear_out(self, patience_s: float, pause_ms: float) -> None:
        while True:
            if not await self._until(lambda: self._over >= self._begun, patience_s):
                self._conversation.interrupt()
                raise SceneFault(f"the answer was still going on after {patience_s:.0f} s")
            if not await self._until(lambda: self._over < self._begun, pause_ms / 1000):
                return

    async def _until(self, condition: Callable[[], bool], patience_s: float) -> bool:
        """Wait until something that happened makes `condition` true; False when it takes too long."""
        try:
            async with asyncio.timeout(patience_s):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _now_ms(self) -> float:
        return self._device.mic_offset / _MIC_PER_MS

    # What happens

    async def _watch(self) -> None:
        async for event in self._conversation:
            self._note(event)
            self._news.set()
        if not self._hung_up:
            raise ConversationBroken("the server ended the conversation before it was over")

    def _note(self, event: events.Event) -> None:
        at = event.at.mic_offset / _MIC_PER_MS
        match event:
            case events.ReplyStarted(reply=reply):
                self._begun = max(self._begun, reply)
                self.happened.append(timeline.ReplyBegan(at, reply))
            case events.ReplyPlayed(reply=reply):
                self._end(at, reply, cut=False)
            case events.Silenced(reply=reply) if reply > self._over:
                self._end(at, reply, cut=True)
                self._tell("          (Parley falls silent)")
            case events.Duck():
                self.happened.append(timeline.Ducked(at))
                self._tell("          (Parley lowers its voice)")
            case events.Release():
                self.happened.append(timeline.Released(at))
                self._tell("          (Parley goes on)")
            case events.Caption():
                self._note_caption(event, at)
            case events.TurnReport(reply=reply, stages=stages):
                self.happened.append(timeline.Measured(reply, stages))
            case events.Closed(is_polite=True):
                self._hung_up = True
                self._tell("          (Parley hangs up)")
            case events.ServerError(message=message):
                self._errors.append(message)

    def _end(self, at: float, reply: int, *, cut: bool) -> None:
        self._over = max(self._over, reply)
        self.happened.append(timeline.ReplyOver(at, reply, cut))

    def _note_caption(self, caption: events.Caption, at: float) -> None:
        if caption.who is events.Who.USER:
            if caption.final:
                self.happened.append(timeline.Understood(at, caption.text))
            return
        before = "" if caption.final else self._words.get(caption.reply, "")
        self._words[caption.reply] = before + caption.text
        self.happened.append(timeline.Captioned(caption.reply, self._words[caption.reply].strip()))
        if caption.final:
            tail = " …" if caption.interrupted else ""
            self._tell(f"  {ASSISTANT:<8}{caption.text.strip()}{tail}")


def sounding(pcm: bytes) -> tuple[float, float]:
    """Return where in a spoken line, PCM16 at 16 kHz, the sound begins and ends, in milliseconds."""
    level = np.abs(samples_of(pcm).astype(np.int32))
    loud = np.flatnonzero(level > _SOUND * level.max(initial=0))
    return (float(loud[0] / _MIC_PER_MS), float((loud[-1] + 1) / _MIC_PER_MS)) if len(loud) else (0.0, 0.0)


def _first_line(group: BaseExceptionGroup[ClientError]) -> str:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return str(first).partition("\n")[0]
