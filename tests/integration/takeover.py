"""A talk whose ring is taken apart: vads, brokers and egresses go, others come, as ingress would have it.

The person's sound has a clock of its own: every turn says where it began and ended, so that what a new vad is told of
the past can be held against it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

import numpy as np

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2 as wire
from services.broker.agent import Agent
from tests.fakes.realtime import FakeRealtime, Reply, ReplyRequest, Response
from tests.integration.broker_peers import Vad
from tests.integration.broker_ring import MS, BrokerRing, agent
from tests.integration.speaker import Speaker
from tests.integration.talk import Talk, understood

ANSWER = [f"word{n}" for n in range(12)]
"""What the model answers to anything."""

PER_WORD_S = 0.25
PIECE = 1600
WAITED_MS = 300
DONE = wire.StreamEnd.REASON_DONE
_STEP = 50


def teller(request: ReplyRequest, hold: asyncio.Event | None = None, hold_at_ms: float = 1000) -> Reply:
    """A model that answers with all of `ANSWER`; told to go on after a fault, with what it doesn't remember of it."""
    said: list[str] = []
    is_first = request.track == 1
    if "fault" in request.instructions:
        memory = request.connection.memory
        asked = [i for i, item in enumerate(memory) if item.role == "user"]  # the question may not be there any more
        said = " ".join(item.text for item in memory[max(asked, default=0) :] if item.role == "assistant").split()
    words = ANSWER[len(said) :]
    return Reply(
        seconds=len(words) * PER_WORD_S,
        text=" ".join(words),
        captions="aligned",
        speed=8.0,
        delta_ms=50,
        hold=hold if is_first else None,
        hold_at_ms=hold_at_ms,
    )


def fake_of(replies: object = teller, **more: object) -> FakeRealtime:
    """A fake that understands each turn by its sound."""
    return FakeRealtime(replies, transcribe=understood, **more)  # type: ignore[arg-type]


def held_at(ms: float, hold: asyncio.Event) -> Callable[[ReplyRequest], Reply]:
    """A model that stops in the middle of its first answer, until it is let."""
    return partial(teller, hold=hold, hold_at_ms=ms)


@dataclass
class Asked:
    """A question, and where it was heard."""

    question: int
    begin: int
    end: int = 0


class Scene(Talk):
    """One session's person, and what becomes of the ring around them."""

    dial = 1
    mic = 0
    """The microphone's clock."""
    question = 0
    """The last one asked; a turn that is heard again asks the same, under a number of its own."""
    is_over = False

    def __init__(self, ring: BrokerRing, fake: FakeRealtime, vad: Vad, speaker: Speaker) -> None:
        super().__init__(ring, fake, vad, speaker)
        self.past = wire.Past()
        """What the newest vad was told."""
        self.asked: list[Asked] = []

    async def begin(self, pieces: int = 3) -> None:
        """Speak, and don't come to an end yet."""
        self.question += 1
        self.mic += 10 * PIECE
        self.asked.append(Asked(self.question, self.mic))
        await self._onset(pieces)

    async def _onset(self, pieces: int) -> None:
        self.turn = max(self.turn, self.past.turn) + 1
        await self.vad.say(speech_started=broker.SpeechStarted(turn=self.turn, onset_offset=self.mic))
        await self.go_on(pieces)

    async def go_on(self, pieces: int = 3) -> None:
        """Say more of the turn."""
        sound = np.full(PIECE, self.question * _STEP, "<i2").tobytes()
        for _ in range(pieces):
            await self.vad.say(audio=broker.TurnAudio(turn=self.turn, pcm=sound, mic_offset=self.mic))
            self.mic += PIECE
        self.asked[self.question - 1].end = self.mic

    async def finish(self, *, interruption: bool = False) -> None:
        """Come to the end of the turn."""
        ended = broker.TurnEnded(
            turn=self.turn, speech_ms=2000, waited_ms=WAITED_MS, interruption=interruption, end_offset=self.mic
        )
        self.mic += WAITED_MS * 16
        await self.vad.say(turn_ended=ended)

    @property
    def is_decided(self) -> bool:
        """True when the newest vad need hear nothing again."""
        return self.past.decided_offset == self.mic

    async def again(self) -> None:
        """The vad that has come hears again all that is not decided upon, as the microphone's keeper sends it."""
        assert not self.is_decided
        self.turn = self.past.turn
        for asked in self.asked:
            if asked.end + WAITED_MS * 16 > self.past.decided_offset:
                self.question, self.mic = asked.question, asked.begin
                await self._onset(3)
                await self.finish()

    async def end(self) -> None:
        """Hang up; the broker must be there to say goodbye."""
        self.is_over = True
        await self.vad.say(end=wire.StreamEnd(reason=DONE))
        await self.ring.egress.log.until(lambda r: r.HasField("end") and r.end.reason == DONE)

    async def lose_vad(self) -> None:
        """Vad dies."""
        await self.vad.leave()

    async def another_vad(self, **fields: object) -> wire.Past:
        """Another one goes on, at the broker that is dialled now; return what it is told of the past."""
        self.dial += 1
        self.vad = await self.ring.resume(self.dial, **fields)
        self.past = (await self.vad.ready()).past
        return self.past

    async def lose_broker(self) -> None:
        """The broker dies, and with it vad's stream."""
        vad, dying = self.vad, self.ring.broker
        await dying.kill()
        await vad.leave()
        await self.ring.another_broker()

    async def another_broker(self) -> wire.Past:
        """The broker dies, and another one goes on; return what its vad is told of the past."""
        await self.lose_broker()
        return await self.another_vad()

    def heard_words(self, reply: int) -> str:
        """The words of a reply whose sound was heard at least to the middle, wherever its generation broke off."""
        heard, half = self.speaker.heard.get(reply, 0), int(PER_WORD_S * 500 * MS)
        items = self.response(reply).items
        words = (word for item in items for word in item.words if heard >= item.track_start + word.at_sample + half)
        return " ".join(word.text.strip() for word in words)

    def told_words(self) -> list[str]:
        """All words of the assistant that were heard, over all its replies.

        One that broke off within its first word is begun anew: there is nothing to go on from.
        """
        begun = [reply for reply, heard in sorted(self.speaker.heard.items()) if heard >= int(PER_WORD_S * 1000 * MS)]
        return [word for reply in begun for word in self.heard_words(reply).split()]

    def response(self, reply: int) -> Response:
        """Find the response of a reply, the last one: a number of which nothing was ever heard may be given again."""
        of_it = [found for found in self.fake.responses if (found.metadata or {}).get("reply") == str(reply)]
        return of_it[-1]

    async def true(self) -> list[session.HistoryItem]:
        """History and the model's memory are what was asked and heard."""
        return await self.assert_true(list(range(1, self.question + 1)))

    async def whole(self, answers: int = 1) -> None:
        """Wait until so many answers were heard, every word of them once."""
        expected = ANSWER * answers
        try:
            await self.until(lambda: len(self.told_words()) >= len(expected) and self.speaker.is_quiet, 20)
        finally:
            assert self.speaker.faults == [], self.speaker.faults
            assert self.told_words() == expected, f"{self.told_words()} by {self.speaker.heard}"


@asynccontextmanager
async def scene_with(
    fake: FakeRealtime, of: Callable[[str], Agent] = agent, *, speed: float = 4.0
) -> AsyncIterator[Scene]:
    """A talk with the fake model by a real broker. At the end the session must still live."""
    async with fake, BrokerRing(of(fake.url)) as ring:
        opened = ring.opening()
        await ring.write_record(opened)
        vad: Vad = await ring.dial(open=opened)
        await vad.ready()
        speaker = Speaker(ring.egress, speed)
        playing = asyncio.create_task(speaker.play())
        scene = Scene(ring, fake, vad, speaker)
        try:
            yield scene
            if not scene.is_over:
                await scene.end()
        finally:
            playing.cancel()
            with suppress(asyncio.CancelledError):
                await playing
    assert fake.violations == []
    assert ring.egress.faults == []


__all__ = ["ANSWER", "MS", "PER_WORD_S", "Scene", "fake_of", "held_at", "scene_with", "teller"]
