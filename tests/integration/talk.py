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
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2 as wire
from services.broker.agent import Agent
from tests.fakes.position_code import track_pcm
from tests.fakes.realtime import Connection, FakeRealtime, Response, orphans
from tests.integration.broker_peers import MS, Egress, Vad
from tests.integration.broker_ring import BrokerRing

TOLERANCE_MS = 20
USER, ASSISTANT = session.HistoryItem.ROLE_USER, session.HistoryItem.ROLE_ASSISTANT
_STEP = 50
_REPORT_S = 0.05


def understood(pcm: bytes, _connection: Connection) -> str:
    """What the fake model makes of a turn's sound."""
    return f"question {round(float(np.median(np.frombuffer(pcm, '<i2'))) / _STEP)}"


class Speaker:
    """The client's loudspeaker: it plays what egress is given, in order, at so many times its pace."""

    def __init__(self, egress: Egress, speed: float) -> None:
        self.heard: dict[int, int] = {}
        """Samples by reply that have left it."""
        self.given: dict[int, int] = {}
        self.ended: set[int] = set()
        self.faults: list[str] = []
        self._egress = egress
        self._speed = speed
        self._floor = 0
        self._is_shut = False
        self._clock_s = 0.0
        egress.on_request = self._take

    def _take(self, request: egress.SpeakRequest) -> None:
        match request.WhichOneof("message"):
            case "interrupt":
                self._floor = max(self._floor, request.interrupt.floor)
                self._is_shut = False
            case "audio":
                reply, position = request.audio.reply, request.audio.position
                if reply <= self._floor:
                    return  # a verdict overtakes what was under way; egress drops it
                if reply in self.ended:
                    self.faults.append(f"reply {reply} sounded after its end")
                if position != self.given.get(reply, 0):
                    self.faults.append(f"reply {reply} went on at {position}, not at {self.given.get(reply, 0)}")
                self.given[reply] = position + len(request.audio.pcm) // 2
            case "reply_ended":
                self.ended.add(request.reply_ended.reply)

    async def play(self) -> None:
        """Play for ever, and report."""
        self._clock_s = asyncio.get_running_loop().time()
        reported_s = 0.0
        while True:
            await asyncio.sleep(0.01)
            done = self._advance()
            if done is not None or self._clock_s - reported_s >= _REPORT_S:
                reported_s = self._clock_s
                if (reply := done or self._sounding()) is not None and reply in self.heard:
                    await self._egress.played(reply, self.heard[reply] / MS, ended=done is not None)

    def _sounding(self) -> int | None:
        """The reply that is heard now."""
        living = (n for n in sorted(self.given) if n > self._floor and not self._is_over(n))
        return next(living, None)

    def _is_over(self, reply: int) -> bool:
        return reply in self.ended and self.heard.get(reply, 0) == self.given[reply]

    def _advance(self) -> int | None:
        """Play up to now; return a reply that was played to its end by it."""
        now_s = asyncio.get_running_loop().time()
        samples, self._clock_s = int((now_s - self._clock_s) * self._speed * 1000 * MS), now_s
        if self._is_shut or (reply := self._sounding()) is None:
            return None
        self.heard[reply] = min(self.heard.get(reply, 0) + samples, self.given[reply])
        return reply if self._is_over(reply) else None

    def fall_silent(self) -> tuple[int, int]:
        """Play nothing more of what there is; return the reply that was heard, and its last sample."""
        self._advance()
        self._is_shut = True
        reply = self._sounding()
        last = max(self.heard, default=0) if reply is None else reply
        return last, self.heard.get(last, 0)

    @property
    def is_quiet(self) -> bool:
        """True when all that was given has been heard."""
        return self._sounding() is None

    def slow_down(self, speed: float) -> None:
        """Play at so many times the pace from now on."""
        self._speed = speed


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
            ends = [word.at_sample for word in item.words[1:]] + [item.generated_samples]
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
        self._assert_remembered(items, heard)
        return items

    def _assert_remembered(self, items: list[session.HistoryItem], heard: dict[int, int]) -> None:
        memory = self.fake.memory()
        assert orphans(memory) == [], memory
        told = [item.text for item in memory if item.role == "user"]
        assert told == [item.text for item in items if item.role == USER], f"the model was told {told}"
        here = {r.id for r in self.fake.connections[-1].responses.values()}
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
        assert recalled == before, (recalled, before)

    async def end(self) -> None:
        """Hang up; the broker must be there to say goodbye."""
        await self.vad.say(end=wire.StreamEnd(reason=wire.StreamEnd.REASON_DONE))
        assert (await self.ring.egress.last_word()).reason == wire.StreamEnd.REASON_DONE


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
