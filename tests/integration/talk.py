"""A talk at the broker: a person who speaks, listens by a playback clock of their own, and takes the floor.

The clock is the truth: what history and the model's memory say of a reply is held against what it has played. The
person's turns are told apart by the loudness of their sound, so that the fake model understands each wherever and
however often it is given its audio.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import numpy as np

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2 as wire
from services.broker.agent import Agent
from services.broker.heard import CHARS_PER_S
from tests.fakes.position_code import track_pcm
from tests.fakes.realtime import Connection, FakeRealtime, Response, orphans
from tests.fakes.realtime.conversation import Item
from tests.integration.broker_peers import MS, Vad
from tests.integration.broker_ring import BrokerRing
from tests.integration.speaker import Speaker

TOLERANCE_MS = 20
USER, ASSISTANT = session.HistoryItem.ROLE_USER, session.HistoryItem.ROLE_ASSISTANT
_STEP = 50


def understood(pcm: bytes, _connection: Connection) -> str:
    """What the fake model makes of a turn's sound."""
    return f"question {round(float(np.median(np.frombuffer(pcm, '<i2'))) / _STEP)}"


class Talk:
    """One session's person, and what may be asked of it afterwards."""

    def __init__(self, ring: BrokerRing, fake: FakeRealtime, vad: Vad, speaker: Speaker) -> None:
        self.ring = ring
        self.fake = fake
        self.vad = vad
        self.speaker = speaker
        self.turn = 0
        self.seq = 0

    async def say(self, *, pieces: int = 3, interruption: bool = False) -> int:
        """Speak a turn; return its number."""
        await self.begin(pieces)
        await self.finish(interruption=interruption)
        return self.turn

    async def begin(self, pieces: int = 3) -> None:
        """Speak, and don't come to an end yet."""
        self.turn += 1
        await self.vad.say(speech_started=broker.SpeechStarted(turn=self.turn))
        await self.go_on(pieces)

    async def go_on(self, pieces: int = 3) -> None:
        """Say more of the turn."""
        sound = np.full(1600, self.turn * _STEP, "<i2").tobytes()
        for _ in range(pieces):
            await self.vad.say(audio=broker.TurnAudio(turn=self.turn, pcm=sound))

    async def finish(self, *, interruption: bool = False) -> None:
        """Come to the end of the turn."""
        ended = broker.TurnEnded(turn=self.turn, speech_ms=2000, waited_ms=300, interruption=interruption)
        await self.vad.say(turn_ended=ended)

    async def interrupt(self, *, answer: bool = True) -> tuple[int, int]:
        """Take the floor: silence at once, and the client's word on it follows. Return reply and last sample heard."""
        self.seq += 1
        reply, position = self.speaker.fall_silent()
        await self.vad.interrupt(self.seq)
        if answer:
            await self.ring.egress.played(reply, position / MS, seq=self.seq)
        return reply, position

    # Waiting.

    async def until(self, condition: Callable[[], object], timeout_s: float = 15) -> None:
        """Wait until something is so. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while True:
                if condition():
                    return
                await asyncio.sleep(0.01)

    async def hear(self, reply: int, ms: float) -> None:
        """Wait until so much of a reply was heard."""
        await self.until(lambda: self.speaker.heard.get(reply, 0) >= ms * MS)

    async def answered(self, turn: int | None = None) -> Response:
        """Wait until a turn has been answered and the answer heard to its end; return the last response to it."""
        turn = turn or self.turn

        def reply() -> int:
            replying = (m.progress for m in self.vad.log.messages if m.HasField("progress"))
            return max((p.reply for p in replying if p.turn == turn), default=0)

        def is_heard() -> bool:
            return reply() in self.speaker.ended and self.speaker.is_quiet

        await self.until(is_heard)
        return self.response(reply())

    def response(self, reply: int) -> Response:
        """Find the response of a reply. Raises LookupError."""
        for response in self.fake.responses:
            if (response.metadata or {}).get("reply") == str(reply):
                return response
        raise LookupError(f"no response is reply {reply}")

    async def history(self, count: int) -> list[session.HistoryItem]:
        """Wait for so many items of the talk in Redis, tool calls left out. Raises TimeoutError."""
        async with asyncio.timeout(10):
            while True:
                items = await self.ring.store.history("s1")
                if len(talk := [item for item in items if item.role in (USER, ASSISTANT)]) >= count:
                    return talk
                await asyncio.sleep(0.02)

    # What must be so in any case.

    def heard_words(self, reply: int) -> str:
        """The words of a reply whose sound was heard at least to the middle."""
        heard, response = self.speaker.heard.get(reply, 0), self.response(reply)
        words: list[str] = []
        for item in response.items:
            ends = [word.at_sample for word in item.words[1:]] + [_end_of_sound(item)]
            for word, end in zip(item.words, ends, strict=bool(item.words)):
                if heard - item.track_start >= (word.at_sample + end) / 2 > word.at_sample:
                    words.append(word.text.strip())
        return " ".join(words)

    async def assert_true(self, turns: list[int] | None = None) -> list[session.HistoryItem]:
        """History is what was said and heard, to 20 ms; the model's memory is history; nothing stale was played."""
        assert self.speaker.faults == [], self.speaker.faults
        assert self.fake.violations == [], self.fake.violations
        heard = {reply: samples for reply, samples in self.speaker.heard.items() if samples >= MS}
        said = list(range(1, self.turn + 1)) if turns is None else turns
        items = await self.history(len(heard) + len(said))
        asked = [item.text for item in items if item.role == USER]
        assert asked == [f"question {turn}" for turn in said], asked
        replies = [item for item in items if item.role == ASSISTANT]
        assert [item.reply for item in replies] == sorted(heard), (replies, heard)
        for item in replies:
            assert abs(item.heard_ms - heard[item.reply] / MS) <= TOLERANCE_MS, f"{item} of {heard[item.reply] / MS}"
            assert item.text == self.heard_words(item.reply), (item.text, self.heard_words(item.reply))
            track = self.response(item.reply).track
            given = self.speaker.given[item.reply]
            assert self.ring.egress.audio_of(item.reply)[: given * 2] == track_pcm(track, given), f"reply {item.reply}"
        with suppress(TimeoutError):  # a new connection may just be on its way
            await self.until(lambda: self._count_told() == len(items), 3)
        self._assert_remembered(items, heard)
        return items

    @property
    def _model(self) -> Connection:
        """The newest connection that stands: what a session that is refused had dialled is closed again."""
        standing = [each for each in self.fake.connections if not each.closed]
        return (standing or self.fake.connections)[-1]

    def _count_told(self) -> int:
        """How many of the items of history the model has, at most."""
        memory = self._model.memory
        here = {item.response for item in self._model.conversation.items.values() if item.response}
        texts = [item for item in memory if item.role in ("user", "assistant") and item.audio_ms is None]
        return len(texts) + len([item for item in memory if item.role == "user" and item.audio_ms]) + len(here)

    def _assert_remembered(self, items: list[session.HistoryItem], heard: dict[int, int]) -> None:
        memory = self._model.memory
        assert orphans(memory) == [], memory
        told = [item.text for item in memory if item.role == "user"]
        assert told == [item.text for item in items if item.role == USER], f"the model was told {told}"
        here = {r.id for r in self._model.responses.values()}
        for reply, samples in heard.items():
            response = self.response(reply)
            if response.id in here:
                believed_ms = self.fake.believed_samples(response.track) / MS
                assert abs(believed_ms - samples / MS) <= TOLERANCE_MS, (
                    f"{response.track}: {believed_ms} of {samples / MS}"
                )
        theirs = [item for item in items if item.role == ASSISTANT and item.text]
        before = [item.text for item in theirs if self.response(item.reply).id not in here]
        recalled = [item.text for item in memory if item.role == "assistant" and item.audio_ms is None]
        assert recalled == before, f"only recalled: {_less(recalled, before)}; not recalled: {_less(before, recalled)}"

    async def end(self) -> None:
        """Hang up; the broker must be there to say goodbye."""
        await self.vad.say(end=wire.StreamEnd(reason=wire.StreamEnd.REASON_DONE))
        assert (await self.ring.egress.last_word()).reason == wire.StreamEnd.REASON_DONE


def _end_of_sound(item: Item) -> int:
    """Where an item ends; of one that broke off, where its last word would, at the pace of those before it."""
    if item.wire["status"] in ("completed", "incomplete") or not item.words:
        return item.generated_samples
    *before, last = item.words
    chars = sum(len(word.text) for word in before)
    a_char = (last.at_sample - before[0].at_sample) / chars if chars else MS * 1000 / CHARS_PER_S
    return max(item.generated_samples, last.at_sample + int(len(last.text) * a_char))


def _less(some: list[str], others: list[str]) -> list[str]:
    return [item for item in some if item not in others]


@asynccontextmanager
async def talk_with(fake: FakeRealtime, agent: Callable[[str], Agent], *, speed: float = 4.0) -> AsyncIterator[Talk]:
    """A talk with the fake model by the real broker. At the end the session must still live."""
    async with fake, BrokerRing(agent(fake.url)) as ring:
        vad = await ring.dial()
        await vad.ready()
        speaker = Speaker(ring.egress, speed)
        playing = asyncio.create_task(speaker.play())
        talk = Talk(ring, fake, vad, speaker)
        try:
            yield talk
            await talk.end()
        finally:
            playing.cancel()
            with suppress(asyncio.CancelledError):
                await playing
    assert fake.violations == []
