"""Pressure: a ring of real processes that tell of themselves, and talkers who measure how long they wait."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from redis.asyncio import Redis

from local.ring import Ring, RingSettings
from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import stream_pb2
from tests.chaos.vitals import vitals
from tests.fakes.realtime import FakeRealtime
from tests.integration.bad_input.raw_caller import RawCaller, raw_caller

RING: Final = ("ingress", "vad", "broker", "egress")

BOUND_MB: Final[Mapping[str, int]] = {"ingress": 20, "vad": 20, "broker": 48, "egress": 24}
"""What one session costs a process at most, whatever its client and its model do: as ARCHITECTURE.md has it."""

_MB: Final = 1 << 20
_FRAME_S: Final = 0.02
_SILENCE: Final = bytes(640)


class PressedRing:
    """A ring whose processes serve metrics."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring

    async def metric(self, name: str, metric: str) -> float:
        """Return a figure of a process, summed over its labels."""
        text = await asyncio.to_thread(self._scrape, name)
        lines = [line for line in text.splitlines() if line.partition(" ")[0].partition("{")[0] == metric]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def _scrape(self, name: str) -> str:
        address = next(line for line in self.ring.logs(name) if line.startswith("door metrics ")).split()[2]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{address}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
        return text

    async def refused(self, name: str) -> float:
        """Return how many sessions a process has refused."""
        return await self.metric(name, "parley_sessions_refused_total")

    async def owned(self) -> int:
        """Return how many sessions have an owner in Redis."""
        redis = Redis.from_url(self.ring.redis_url)
        try:
            return len([key async for key in redis.scan_iter("session:*:owner")])
        finally:
            await redis.aclose()

    def rss_mb(self, name: str) -> float:
        """Return what a process has of memory."""
        return vitals(self.ring.pid(name)).rss_bytes / _MB


class Growth:
    """How much more memory each process has than when this was made, at its highest; look often."""

    def __init__(self, pressed: PressedRing) -> None:
        self._pressed = pressed
        self._before = {name: pressed.rss_mb(name) for name in pressed.ring.names() if name != "redis"}
        self.most = dict.fromkeys(self._before, 0.0)

    def look(self) -> None:
        """Look at all processes."""
        for name, before in self._before.items():
            self.most[name] = max(self.most[name], self._pressed.rss_mb(name) - before)

    async def watch(self, seconds: float) -> None:
        """Look at them for so long."""
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            self.look()
            await asyncio.sleep(0.1)

    def beyond(self, sessions: int) -> dict[str, float]:
        """Return those that have grown by more than so many sessions may cost."""
        bounds = {name: BOUND_MB[name.partition("-")[0]] * sessions for name in self.most}
        return {name: grown for name, grown in self.most.items() if grown > bounds[name]}


@asynccontextmanager
async def pressed_ring(
    fake: FakeRealtime,
    *,
    copies: Mapping[str, int] | None = None,
    env: Mapping[str, Mapping[str, str]] | None = None,
) -> AsyncIterator[PressedRing]:
    """Start a ring before a fake model."""
    own = {name: {"PARLEY_METRICS_LISTEN": "0"} for name in RING}
    for name, values in (env or {}).items():
        own[name] = own.get(name, {}) | dict(values)
    async with Ring(RingSettings(model_url=fake.url, copies=copies or {}, env=own)) as ring:
        yield PressedRing(ring)


class Talker:
    """One client, with a silent microphone that goes on and on: `async with talker(pressed) as one`."""

    def __init__(self, caller: RawCaller) -> None:
        self.caller = caller
        self.hangs_up = False
        self._writing = asyncio.Lock()
        self._offset = 0
        self._replies = 0

    async def send(self, **message: object) -> None:
        """Send a message; one at a time, as a gRPC call wants it."""
        async with self._writing:
            await self.caller.send(wire.ConverseRequest(**message))  # type: ignore[arg-type]

    async def speak_silence(self) -> None:
        """Send the microphone's frames in time, until it `hangs_up`: to cancel a write would cancel the call."""
        due_s = time.monotonic()
        while not self.hangs_up:
            frame = audio.AudioFrame(mic_offset=self._offset, pcm=_SILENCE)
            await self.send(audio=frame)
            self._offset += len(_SILENCE) // 2
            due_s = max(due_s + _FRAME_S, time.monotonic() - 1.0)
            await asyncio.sleep(due_s - time.monotonic())

    async def ask(self) -> float:
        """Type something; return how long it took until the answer began to sound."""
        self._replies = max([self._replies, *self._heard()])
        began_s = time.monotonic()
        await self.send(say=wire.Say(text="Tell me something."))
        await self.caller.until("audio", lambda response: response.audio.reply > self._replies)
        return time.monotonic() - began_s

    async def stop(self) -> float:
        """Press the key that stops the assistant; return how long it took until we were told to be silent."""
        flushes = self._count("flush")
        began_s = time.monotonic()
        await self.send(interrupt=wire.ConverseRequest.Interrupt())
        await self.caller.until("flush", lambda _: self._count("flush") > flushes)
        took_s = time.monotonic() - began_s
        flush = [response.flush for response in self.caller.responses if response.HasField("flush")][-1]
        silent = audio.Flushed(seq=flush.seq, reply=max(self._heard(), default=0), mic_offset=self._offset)
        await self.send(flushed=silent)
        return took_s

    def _heard(self) -> list[int]:
        return [response.audio.reply for response in self.caller.responses if response.HasField("audio")]

    def _count(self, kind: str) -> int:
        return sum(response.HasField(kind) for response in self.caller.responses)  # type: ignore[arg-type]

    @property
    def error(self) -> stream_pb2.Error | None:
        """The error that it was told, if it was."""
        return next((r.error for r in self.caller.responses if r.HasField("error")), None)


@asynccontextmanager
async def talker(pressed: PressedRing, door: str = "grpc", token: str = "") -> AsyncIterator[Talker]:
    """Call; hang up at the end. AssertionError when the call is not taken."""
    async with raw_caller(door, pressed.ring) as caller:
        await caller.opens(token=token)
        one = Talker(caller)
        speaking = asyncio.create_task(one.speak_silence())
        try:
            yield one
        finally:
            one.hangs_up = True
            await asyncio.wait([speaking])
            await one.send(end=wire.End(reason="done"))
            async with asyncio.timeout(10):
                await caller.hear()


async def refused_call(pressed: PressedRing, door: str = "grpc") -> tuple[stream_pb2.Error, float]:
    """Call a ring that is full; return what is told, and how long that took."""
    async with raw_caller(door, pressed.ring) as caller:
        began_s = time.monotonic()
        await caller.send(wire.ConverseRequest(open=wire.Open(protocol=1)))
        async with asyncio.timeout(30):
            await caller.hear()
        errors = [response.error for response in caller.responses if response.HasField("error")]
        assert len(errors) == 1, caller.kinds()
        assert caller.has_heard("closed")
        return errors[0], time.monotonic() - began_s
