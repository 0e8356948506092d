"""A speaker that sounds in its own microphone, over the real ring: the server cancels it, and hears the person."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
import soxr

from clients.desktop import events
from clients.desktop.conversation import Conversation
from clients.desktop.headless import HeadlessDevice
from clients.desktop.playhead import Playhead
from clients.desktop.playout import Playout
from parley.v1 import conversation_service_pb2 as wire
from services.common.audio import MIC_HZ, REPLY_HZ
from services.common.resampler import Resampler
from tests.e2e.person import Person
from tests.e2e.scene import Scene
from tests.e2e.test_conversation import PHRASE, ask
from tests.fakes import speech
from tests.fakes.realtime import Reply

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

ECHO = 0.4
"""Of the reply's amplitude: 8 dB below what the speaker plays."""

UNCOUNTED_MS = 60
"""How much later the sound is heard than the client's playheads say."""

STORY = "Once upon a time a fox met a crow. The crow held a fine piece of cheese, and the fox was hungry. "


class LoudDevice(HeadlessDevice):
    """A sound card whose microphone hears its speaker, a little later than it admits."""

    def __init__(self) -> None:
        super().__init__(latency_ms=40)
        self._resampler = Resampler(REPLY_HZ, MIC_HZ)
        self._air = bytearray(2 * (40 + UNCOUNTED_MS) * MIC_HZ // 1000)

    def play(self, pcm: bytes) -> None:
        """Play into the recording and into the air."""
        super().play(pcm)
        self._air += self._resampler.feed(pcm)

    async def tick(self) -> bytes:
        """Return what was said, and what was played."""
        said = np.frombuffer(await super().tick(), "<i2")
        heard = np.frombuffer(bytes(self._air[: 2 * len(said)]).ljust(2 * len(said), b"\0"), "<i2")
        del self._air[: 2 * len(said)]
        mixed = said + np.rint(heard * ECHO).astype(np.int32)
        return bytes(np.clip(mixed, -32_768, 32_767).astype("<i2").tobytes())


class AtTheSpeaker(Person):
    """Somebody before a loudspeaker, whose client leaves the echo to the server."""

    echo = wire.Open.ECHO_SERVER

    def __init__(self, server: str, latency_ms: float = 0) -> None:
        super().__init__(server, latency_ms)
        self.device = LoudDevice()
        self._conversation = Conversation(server, self.device, echo=self.echo)


class Mistaken(AtTheSpeaker):
    """The same, whose client claims to have headphones."""

    echo = wire.Open.ECHO_HEADPHONES


class AtAQuietSpeaker(Person):
    """Somebody whose client leaves the echo to the server, though there is none."""

    def __init__(self, server: str, latency_ms: float = 0) -> None:
        super().__init__(server, latency_ms)
        self._conversation = Conversation(server, self.device, echo=wire.Open.ECHO_SERVER)


def story(seconds: float) -> Reply:
    """Return a reply that is speech."""
    wave = np.frombuffer(speech.say(STORY), "<i2")
    return Reply(seconds=seconds, sound=soxr.resample(wave, MIC_HZ, REPLY_HZ).astype("<i2").tobytes())


async def test_the_assistant_does_not_interrupt_itself_and_the_person_does(scene: Scene) -> None:
    """A whole reply goes through; in the middle of the next one a phrase is heard, and only then it is flushed."""
    async with scene.person([story(7.0), story(15.0)], ["hello", "and then"], who=AtTheSpeaker) as actor:
        person = actor.person
        await ask(actor)
        first = await person.sees(events.ReplyStarted)
        await person.sees(events.ReplyPlayed, reply=first.reply)
        assert person.of(events.Silenced) == []
        done = len(person.log)
        await ask(actor)
        second = await person.sees(events.ReplyStarted, after=done)
        await person.hears(second.reply, 3000)
        assert person.of(events.Silenced) == []
        person.says(speech.say(PHRASE))
        await person.sees(events.Silenced)


async def test_the_same_echo_without_cancelling_is_an_interruption(scene: Scene) -> None:
    """So that the test above means something: left alone, this echo takes the floor."""
    async with scene.person([story(15.0)], who=Mistaken) as actor:
        await ask(actor)
        await actor.person.sees(events.ReplyStarted)
        await actor.person.sees(events.Silenced)


async def test_a_client_is_told_once_what_its_frames_lack(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """At either door: its frames never say that a reply is heard. It gets one notice, and the conversation goes on."""
    monkeypatch.setattr(Playout, "audible", lambda *_: Playhead(0, 0))

    async def converse(door: str) -> None:
        async with scene.person([story(9.0)], who=AtAQuietSpeaker, door=door) as actor:
            person = actor.person
            await ask(actor)
            first = await person.sees(events.ReplyStarted)
            notice = await person.sees(events.Notice)
            assert notice.code == "echo_unstamped"
            assert "no microphone frame says" in notice.message
            await person.sees(events.ReplyPlayed, reply=first.reply)
            assert person.of(events.Notice) == [notice]

    async with asyncio.TaskGroup() as doors:
        for door in ("grpc", "websocket"):
            doors.create_task(converse(door))
