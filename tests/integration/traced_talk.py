"""A conversation with a barge-in, over a real ring of processes that sends its spans somewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from clients.desktop import events
from clients.desktop.conversation import Conversation
from clients.desktop.headless import HeadlessDevice
from clients.desktop.sound import MIC_HZ, SPEAKER_HZ
from tests.e2e.person import Person
from tests.e2e.scene import Scene, scene
from tests.fakes import speech
from tests.fakes.realtime import Reply

QUESTION = "Tell me about the weather tomorrow."
PHRASE = "Please count to seventeen for me."
ASKED = "what about the weather"
ANSWER = "umbrellas seldom disappoint anybody"
STAGES = ("ingress", "vad", "broker", "egress")


@dataclass(frozen=True)
class FirstSample:
    """When a reply's first sample left the speaker, by the client's own recording and clock."""

    mic_offset: int
    unix_s: float


@dataclass(frozen=True)
class Talk:
    """What the client knows of it."""

    session: str
    first_samples: dict[int, FirstSample]
    """By the reply's number."""
    reports: tuple[events.TurnReport, ...]

    def waited_ms(self) -> list[float]:
        """How long each turn's answer took, by the reports to the client."""
        return [sum(ms for _, ms in report.stages) for report in self.reports]


def variables(endpoint: str) -> Mapping[str, Mapping[str, str]]:
    """Return what makes a ring send its spans to a collector."""
    return {stage: {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint} for stage in STAGES}


async def talk(opened: Scene) -> Talk:
    """Ask, interrupt the answer, and hear the next one to its end."""
    replies = [Reply(seconds=10, text=ANSWER), Reply(seconds=1, text=ANSWER)]
    async with opened.person(replies, [ASKED, ASKED], who=TimedPerson) as actor:
        person = actor.person
        assert isinstance(person, TimedPerson)
        person.says(speech.silence(300), speech.say(QUESTION))
        await person.hears(1, 1500)
        person.says(speech.silence(100), speech.say(PHRASE))
        await person.sees(events.Silenced)
        await person.sees(events.ReplyPlayed, reply=2)
        await asyncio.sleep(0.3)
        since_s = person.device.began_s
        delay = person.device.recording().delay_samples
        begins = [run.at_sample + delay for run in actor.heard() if run.start_position == 0]
        samples = [FirstSample(at * MIC_HZ // SPEAKER_HZ, since_s + at / SPEAKER_HZ) for at in begins]
        reports = tuple(person.of(events.TurnReport))
        return Talk(person.session, dict(enumerate(samples, 1)), reports)


class TimedDevice(HeadlessDevice):
    """One that knows when its first sample was heard, in seconds of Unix time."""

    began_s = 0.0

    def start(self) -> None:
        """Begin."""
        super().start()
        self.began_s = time.time()


class TimedPerson(Person):
    """A person at such a device."""

    def __init__(self, server: str, latency_ms: float) -> None:
        super().__init__(server, latency_ms)
        self.device: TimedDevice = TimedDevice(latency_ms)
        self._conversation = Conversation(server, self.device)


async def hold(endpoint: str) -> Talk:
    """Hold it over a ring of its own, which has ended when this returns."""
    async with scene(variables(endpoint)) as opened:
        return await talk(opened)
