"""Every format over the real ring, each direction by itself: the model hears the person, the person hears the model,
and after a barge-in the model remembers what was really played.

The sound is speech, not the position code of the other tests, which no codec lets through; so it is compared by
cross-correlation, at the positions that the client's events claim.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from clients.desktop import events
from clients.desktop.conversation import Conversation
from clients.desktop.device import AudioDevice
from clients.desktop.transport import Transport, connect
from parley.v1.conversation_service_pb2 import ConverseRequest, ConverseResponse
from services.ingress.formats import ALAW, MULAW, OPUS, PCM16, Format
from tests.e2e.person import Person
from tests.e2e.scene import TRUNCATION_MS, Actor, Scene
from tests.e2e.test_conversation import PHRASE, QUESTION, ask
from tests.fakes import speech
from tests.fakes.client_formats import ClientFormats
from tests.fakes.realtime import Reply

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

Wave = NDArray[np.float64]

LATE_MS = 4
"""Opus replies begin with 2.5 ms of lookahead, which the server knows of; everything else stands in its place."""

WINDOW = 4_800
"""200 ms at 24 kHz are compared: no more than the client's buffer holds, so that a busy machine has no part in it."""

STORY = "Once upon a time a fox met a crow. The crow held a fine piece of cheese, and the fox was hungry. " * 2


class Case(NamedTuple):
    """A client: what its microphone sends, what its speaker takes, and how long its Opus packets are."""

    mic: Format
    speaker: Format
    packet_ms: int = 20


CASES = {
    "a sound card at 44.1 and 48 kHz": Case(Format(PCM16, 44_100), Format(PCM16, 48_000)),
    "a sound card at 48 and 44.1 kHz": Case(Format(PCM16, 48_000), Format(PCM16, 44_100)),
    "a small device": Case(Format(PCM16, 8_000), Format(PCM16, 16_000)),
    "a smaller one": Case(Format(PCM16, 24_000), Format(PCM16, 8_000)),
    "a telephone in America": Case(Format(MULAW, 8_000), Format(MULAW, 8_000)),
    "a telephone in Europe": Case(Format(ALAW, 8_000), Format(ALAW, 8_000)),
    "a voice device": Case(Format(OPUS, 16_000), Format(OPUS, 24_000), packet_ms=60),
    "a browser": Case(Format(OPUS, 48_000), Format(OPUS, 48_000)),
    "a device that can only encode": Case(Format(OPUS, 24_000), Format(PCM16, 24_000)),
    "a device that can only decode": Case(Format(PCM16, 16_000), Format(OPUS, 16_000)),
}


class FormatTransport:
    """A transport on which everything is translated into the client's formats and back."""

    def __init__(self, transport: Transport, formats: ClientFormats) -> None:
        self._transport = transport
        self._formats = formats
        self._waiting: list[ConverseResponse] = []

    async def send(self, request: ConverseRequest) -> None:
        """Send what a request becomes."""
        for translated in self._formats.requests(request):
            await self._transport.send(translated)

    async def finish(self) -> None:
        """Say that nothing more will be sent."""
        await self._transport.finish()

    def abandon(self) -> None:
        """Let go of it."""
        self._transport.abandon()

    async def receive(self) -> ConverseResponse | None:
        """Return the next response that what came becomes."""
        while not self._waiting:
            if (response := await self._transport.receive()) is None:
                return None
            self._waiting = self._formats.responses(response)
        return self._waiting.pop(0)


class FormatConversation(Conversation):
    """A conversation in other formats than the desktop client's own."""

    def __init__(self, server: str, device: AudioDevice, case: Case) -> None:
        # Five people share this process; a small buffer might run dry, and what is compared here is sound, not speed.
        formats = ClientFormats(*case)

        @asynccontextmanager
        async def dial(server: str) -> AsyncIterator[Transport]:
            async with connect(server) as transport:
                yield FormatTransport(transport, formats)

        super().__init__(server, device, client_buffer_ms=500, prebuffer_ms=200, dial=dial)


class FormatPerson(Person):
    """A person at such a client."""

    def __init__(self, server: str, latency_ms: float, case: Case) -> None:
        super().__init__(server, latency_ms)
        self._conversation = FormatConversation(server, self.device, case)


@pytest.mark.parametrize("door", ["grpc", "websocket"])
@pytest.mark.parametrize("names", [list(CASES)[::2], list(CASES)[1::2]], ids=["five", "five more"])
async def test_every_format(scene: Scene, names: list[str], door: str) -> None:
    """Five at once, each: a turn, a barge-in, an answer."""
    async with asyncio.TaskGroup() as group:
        tasks = {name: group.create_task(converse(scene, CASES[name], door)) for name in names}
    wrong = {name: found for name, task in tasks.items() if (found := faults(task.result()))}
    assert not wrong


async def converse(scene: Scene, case: Case, door: str) -> Actor:
    """Hold one conversation: a question, a phrase over its answer, and the answer to that."""
    replies = [Reply(seconds=10, sound=story()), Reply(seconds=1.5, sound=story())]

    def at_such_a_client(server: str, latency_ms: float) -> Person:
        return FormatPerson(server, latency_ms, case)

    async with scene.person(replies, who=at_such_a_client, door=door) as actor:
        await ask(actor)
        await actor.person.hears(1, 2_500)
        await ask(actor, PHRASE)
        await actor.person.sees(events.Silenced, reply=1)
        await actor.person.sees(events.ReplyPlayed, reply=2)
        await asyncio.sleep(0.3)
    return actor


def faults(actor: Actor) -> list[str]:
    """Return what was not as it should be."""
    started = {event.reply: event for event in actor.person.of(events.ReplyStarted)}
    (silenced,) = actor.person.of(events.Silenced)
    (played,) = actor.person.of(events.ReplyPlayed)
    found = []
    for text, item in zip((QUESTION, PHRASE), actor.connection.commits, strict=True):
        likeness, _ = alignment(wave(bytes(item.audio)), at_24_khz(speech.say(text)), len(item.audio) // 2)
        if likeness < 0.75:
            found.append(f"{text!r} reached the model with a likeness of {likeness:.2f}")
    for name, at, position in (
        ("begins", started[1].at.played_samples, started[1].position),
        ("is cut", silenced.at.played_samples - WINDOW, silenced.position - WINDOW),
        ("begins again", started[2].at.played_samples, started[2].position),
    ):
        likeness, late = heard_at(actor, at, position)
        if likeness < 0.75 or abs(late) > LATE_MS:
            found.append(f"where the reply {name}: likeness {likeness:.2f}, {late:.1f} ms late")
    first, second = actor.responses
    believed = actor.scene.fake.believed_samples(first.track)
    if abs(believed - silenced.position) > TRUNCATION_MS * 24:
        found.append(f"the model believes {believed} samples, {silenced.position} were played")
    if abs(played.position - second.sent_samples) > TRUNCATION_MS * 24:
        found.append(f"{played.position} samples of {second.sent_samples} were played of the answer")
    return found


def heard_at(actor: Actor, at: int, position: int) -> tuple[float, float]:
    """Compare what left the speaker from sample `at` on with the story from `position` on."""
    left = actor.person.device.recording().assistant()[at : at + WINDOW].astype(np.float64)
    told = wave(Reply(seconds=10, sound=story()).pcm(0, WINDOW, max(position, 0)))
    return alignment(left, told, 1_200)


def alignment(heard: Wave, said: Wave, latest: int) -> tuple[float, float]:
    """Return the peak of the normalised cross-correlation, and how many ms `heard` is late; at 24 kHz.

    The peak is looked for up to `latest` samples later and 50 ms earlier.
    """
    size = 1 << (len(heard) + len(said)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(said, size)), size)
    lags = np.arange(-1_200, latest)
    peak = int(lags[np.argmax(product[lags])])
    overlap = heard[max(peak, 0) : max(peak, 0) + len(said)]
    scale = np.sqrt((overlap**2).sum() * (said**2).sum())
    return float(product[peak] / scale) if scale else 0.0, peak / 24


@lru_cache(maxsize=1)
def story() -> bytes:
    """Return some seconds of speech at 24 kHz."""
    return np.rint(at_24_khz(speech.say(STORY))).astype("<i2").tobytes()


def at_24_khz(pcm_16_khz: bytes) -> Wave:
    """Return 16 kHz audio at 24 kHz."""
    return np.asarray(soxr.resample(wave(pcm_16_khz), 16_000, 24_000), np.float64)


def wave(pcm: bytes) -> Wave:
    """Return PCM16LE as numbers."""
    return np.frombuffer(pcm, "<i2").astype(np.float64)
