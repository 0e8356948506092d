"""A person at an ESP32: the same as at the desktop program, so that the same scenes can be played with them."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

from clients.desktop import events
from clients.desktop.events import Moment
from tests.e2e.person import FADE_SAMPLES, Person
from tests.esp32.process import DeviceProcess, Happening
from tests.fakes import speech
from tests.fakes.position_code import PositionDecoder, Run, Runs

FRAME_SAMPLES: Final = 480
"""20 ms at 24 kHz: by then the speaker has to be silent."""
_WHO: Final = {"person": events.Who.USER, "assistant": events.Who.ASSISTANT}
_ACTIVITIES: Final = list(events.Activity)


class DevicePerson(Person):
    """One parley-device in a conversation."""

    def __init__(self, server: str, latency_ms: float = 0, agent: str = "", *options: str) -> None:
        self.log: list[events.Event] = []
        more = ("--agent", agent) if agent else ()
        self.process = DeviceProcess(server, "--latency-ms", str(round(latency_ms)), *more, *options)
        self.code = 0
        self._runs: tuple[PositionDecoder, int, Runs] | None = None
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.process.__aenter__()
        self.process.watch(self._note)
        try:
            await self.process.sees("opened")
        except BaseException:
            await self.process.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.code = await self.process.quit()
            self.process.played()
        finally:
            await self.process.__aexit__(kind, problem, trace)

    async def ended(self) -> None:
        """Wait until the conversation is over."""
        await self.process.sees("state", state="idle")

    def says(self, *parts: bytes) -> None:
        """Say this now."""
        self.process.says(speech.join(*parts))

    def presses_stop(self) -> None:
        """Press the key that takes the floor."""
        self.process.tell("interrupt")

    def types(self, text: str) -> None:
        """Type a turn."""
        self.process.tell(f"type {text}")

    def heard(self, decoder: PositionDecoder) -> list[Run]:
        """Return which samples of which track left the speaker; fails on sound that is no reply's."""
        pcm = self.process.played()
        if self._runs is None or self._runs[:2] != (decoder, len(pcm)):
            self._runs = (decoder, len(pcm), decoder.decode(pcm))
        runs = self._runs[2]
        assert runs.unknown_samples <= FADE_SAMPLES * len(self.of(events.Silenced)), "sound that no reply holds"
        return list(runs)

    def assert_nothing_dead_was_heard(self, decoder: PositionDecoder) -> None:
        """Within a frame after each flush the speaker is silent, and not a sample of what was flushed comes after."""
        for silenced in self.of(events.Silenced):
            at = silenced.at.played_samples
            heard = self.heard(decoder)
            dead = {run.track for run in heard if run.at_sample < at}
            late = [run for run in heard if run.track in dead and run.end_sample > at + FRAME_SAMPLES]
            assert late == [], f"after flush {silenced.seq} at {at}: {late}"

    def _note(self, got: Happening) -> None:
        if event := _event_of(got):
            self.log.append(event)
            self._news.set()


def _event_of(got: Happening) -> events.Event | None:
    """Return what a happening is at the desktop; None where there is nothing like it."""
    at = Moment(got["ms"] / 1000, got["mic_offset"], got["played"])
    reply, position, value = got.get("reply", 0), got.get("position", 0), got.get("value", 0)
    words, turn = got.get("words", ""), got.get("turn", 0)
    match got["event"]:
        case "opened":
            return events.Opened(at, words, "", 0, 0, 0)
        case "caption":
            return events.Caption(at, _WHO[got["who"]], words, got["final"], got["interrupted"], reply, position, turn)
        case "activity":
            return events.State(at, _ACTIVITIES[value], turn)
        case "duck":
            return events.Duck(at, 0, got.get("value2", 0) / 1000)
        case "release":
            return events.Release(at, 0)
        case "silenced":
            return events.Silenced(at, value, reply, position)
        case "reply_started":
            return events.ReplyStarted(at, reply, position)
        case "reply_played":
            return events.ReplyPlayed(at, reply, position)
        case "underrun":
            return events.Underrun(at, reply, position, 1)
        case "resumed":
            return events.Resumed(at, value, got.get("value2", 0))
        case "closed":
            return events.Closed(at, words, "client")
    return None
