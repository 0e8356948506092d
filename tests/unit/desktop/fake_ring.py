"""Servers in virtual time, with one ring behind them: they are called, cut, frozen and drained; the ring stays.

`FakeRing.dial` is what a client calls. Each connection has a fate; what the client sends within the last moments of a
connection that breaks never arrives, and what it was sent just then is lost as well.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from clients.desktop.connection_failures import Cause, ConnectionFailed
from parley.v1 import audio_pb2, stream_pb2
from parley.v1 import conversation_service_pb2 as wire

from .signals import reply_pcm

PIECE = 960
LEAD_SAMPLES = 2_400
FLIGHT_S = 0.03
"""How long what is sent is on its way; it is lost with the connection."""


class End(Enum):
    """How a connection ends."""

    CUT = auto()
    CLOSED = auto()
    FROZEN = auto()
    DRAINED = auto()


@dataclass
class Fate:
    """What happens to a connection: it lives so long, then ends; before, so many calls are refused, or not answered."""

    life_s: float = 1e9
    end: End = End.CUT
    refusals: int = 0
    silences: int = 0
    error: stream_pb2.Error | None = None
    """Said instead of Opened."""
    forgets: bool = False
    """Whether a session that is to be resumed is begun anew."""
    wants: int | None = None
    """Opened.mic_offset, if it is not the end of what was received."""


@dataclass
class FakeRing:
    """What outlives the doors: what was heard and said, and how far the reply has come."""

    fates: deque[Fate] = field(default_factory=deque)
    resume_s: int = 30
    max_frame_ms: int = 200
    max_ahead_ms: int = 10_000
    says_heard: bool = True
    reply_samples: int = 0
    reply_begins_s: float = 0.5
    frames: list[audio_pb2.AudioFrame] = field(default_factory=list)
    """All that was received, in order."""
    requests: list[wire.ConverseRequest] = field(default_factory=list)
    """The rest."""
    opens: list[wire.Open] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    heard_offset: int = 0
    """The end of what was received; a hole counts as received, as silence."""
    missing_samples: int = 0
    present: FakeTransport | None = None

    @asynccontextmanager
    async def dial(self, address: str) -> AsyncIterator[FakeTransport]:
        """Connect."""
        self.called.append(address)
        fate = self.fates[0] if self.fates else Fate()
        if fate.refusals:
            fate.refusals -= 1
            raise ConnectionFailed(Cause.UNREACHABLE, "connection refused")
        transport = FakeTransport(self)
        if fate.silences:
            fate.silences -= 1
            transport.frozen = True
        try:
            yield transport
        finally:
            transport.stop()

    def take(self, request: wire.ConverseRequest) -> None:
        """Receive what the client sent."""
        if request.HasField("audio"):
            frame = request.audio
            self.frames.append(frame)
            self.missing_samples += max(0, frame.mic_offset - self.heard_offset)
            self.heard_offset = max(self.heard_offset, frame.mic_offset + len(frame.pcm) // 2)
        elif not request.HasField("heartbeat"):
            self.requests.append(request)

    def of(self, kind: str) -> list[Any]:
        """Return what was received of a kind, without the audio."""
        return [getattr(request, kind) for request in self.requests if request.WhichOneof("message") == kind]

    def due(self, now_s: float) -> int:
        """Return how far the reply may have been sent by now."""
        samples = int((now_s - self.reply_begins_s) * 24_000) + LEAD_SAMPLES if now_s >= self.reply_begins_s else 0
        return min(samples, self.reply_samples)


class FakeTransport:
    """One connection, both ends of it."""

    def __init__(self, ring: FakeRing) -> None:
        self.frozen = False
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[wire.ConverseResponse | ConnectionFailed | None] = asyncio.Queue()
        self._there: deque[wire.ConverseRequest] = deque()
        self._back: deque[wire.ConverseResponse] = deque()
        self._serving: asyncio.Task[None] | None = None
        self._broken = False
        self._position = 0
        self._reply_is_over = False

    # The client's end

    async def send(self, request: wire.ConverseRequest) -> None:
        """Send; it arrives a little later."""
        if self._broken:
            raise ConnectionFailed(Cause.UNREACHABLE, "it is gone")
        if not self.frozen:
            self._there.append(request)
            self._loop.call_later(FLIGHT_S, lambda: self._arrive(self._there.popleft()))

    async def finish(self) -> None:
        """Say nothing more."""

    async def receive(self) -> wire.ConverseResponse | None:
        """Return what comes next."""
        got = await self._inbox.get()
        if isinstance(got, ConnectionFailed):
            raise got
        return got

    def abandon(self) -> None:
        """Go."""
        self.stop()

    def stop(self) -> None:
        """End this connection, whoever wants it."""
        self._broken = True
        if self._serving:
            self._serving.cancel()

    # The server's end

    def _arrive(self, request: wire.ConverseRequest) -> None:
        if self.frozen or self._broken:
            return
        if request.HasField("open"):
            self._serving = self._loop.create_task(self._serve(request.open))
        elif request.HasField("end"):
            self._inbox.put_nowait(wire.ConverseResponse(closed=wire.Closed(code=wire.Closed.CODE_CLIENT)))
            self._inbox.put_nowait(None)
        elif self._ring.present is self:
            self._ring.take(request)

    def _say(self, **message: object) -> None:
        response = wire.ConverseResponse(**message)  # type: ignore[arg-type]
        self._back.append(response)
        self._loop.call_later(FLIGHT_S, lambda: self._come(self._back.popleft()))

    def _come(self, response: wire.ConverseResponse) -> None:
        if not self._broken:
            self._inbox.put_nowait(response)

    async def _serve(self, open_: wire.Open) -> None:
        ring = self._ring
        ring.opens.append(open_)
        before, ring.present = ring.present, self
        if before is not None:
            before.supersede()
        fate = ring.fates.popleft() if ring.fates else Fate()
        if fate.error:
            self._say(error=fate.error)
            return
        if open_.next.reply:
            self._position = open_.next.position
        self._say(
            opened=wire.Opened(
                session="s",
                resume_token="t",
                protocol=1,
                resume_s=ring.resume_s,
                limits=wire.Limits(max_frame_ms=ring.max_frame_ms, max_ahead_ms=ring.max_ahead_ms),
                mic_offset=ring.heard_offset if fate.wants is None else fate.wants,
                resumed=bool(open_.resume) and not fate.forgets,
            )
        )
        ends_s = self._loop.time() + fate.life_s
        for moment_s in self._moments():
            await asyncio.sleep(min(moment_s, ends_s) - self._loop.time())
            if self._loop.time() >= ends_s - 1e-6:  # a sleep may be too short by what a float can't hold
                self._meet(fate.end)
                ends_s = float("inf")
            if self.frozen or self._broken:
                return
            self._speak()

    def _moments(self) -> Iterator[float]:
        while True:
            yield self._loop.time() + 0.02

    def _meet(self, end: End) -> None:
        match end:
            case End.CUT:
                self._broken = True
                self._inbox.put_nowait(ConnectionFailed(Cause.REFUSED, "it broke off"))
            case End.CLOSED:
                self._broken = True
                self._inbox.put_nowait(None)
            case End.FROZEN:
                self.frozen = True
            case End.DRAINED:
                self._say(draining=wire.Draining(seconds=5))

    def supersede(self) -> None:
        """Learn that another connection has the session now."""
        self._say(error=stream_pb2.Error(code=stream_pb2.Error.CODE_SUPERSEDED, message="another one"))

    def _speak(self) -> None:
        """Send what is due of the reply, how far the microphone was received, and a beat."""
        ring, due = self._ring, self._ring.due(self._loop.time())
        while self._position < due:
            samples = min(PIECE, due - self._position)
            pcm = reply_pcm(1, self._position, samples)
            self._say(audio=audio_pb2.ReplyAudio(reply=1, position=self._position, pcm=pcm))
            self._position += samples
        if ring.reply_samples and self._position == ring.reply_samples and not self._reply_is_over:
            self._reply_is_over = True
            self._say(reply_ended=audio_pb2.ReplyEnded(reply=1, samples=ring.reply_samples))
        if round(self._loop.time() / 0.02) % 50 == 0:
            self._say(heartbeat=stream_pb2.Heartbeat(beat=1))
            if ring.says_heard and ring.heard_offset:
                self._say(heard=audio_pb2.Heard(received_offset=ring.heard_offset))
