"""An egress that a test plays: it notes what it is told, keeps it as a real one does, and says what it holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import grpc

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import egress_service_pb2_grpc as egress_rpc
from parley.v1 import stream_pb2 as wire
from services.common.trunk import StrandBroken

MS = 24

T = TypeVar("T")


class Log(Generic[T]):
    """What came so far, and a way to wait for more."""

    def __init__(self) -> None:
        self.messages: list[T] = []
        self._news = asyncio.Event()

    def add(self, message: T) -> None:
        """Note a message."""
        self.messages.append(message)
        self._news.set()

    async def until(self, wanted: Callable[[T], object], timeout_s: float = 10) -> T:
        """Wait for the first message of a kind. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while True:
                for message in self.messages:
                    if wanted(message):
                        return message
                self._news.clear()
                await self._news.wait()


async def beat(send: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Send heartbeats for as long as that goes."""
    with suppress(grpc.RpcError, asyncio.InvalidStateError):
        while True:
            await asyncio.sleep(0.5)
            await send()


@dataclass
class Kept:
    """One reply as it was given."""

    turn: int
    start: int | None = None
    """Where it begins here: not at 0, if another egress had the first part of it."""
    pcm: bytearray = field(default_factory=bytearray)
    captions: list[client.Caption] = field(default_factory=list)
    is_complete: bool = False
    played: int = 0
    has_ended: bool = False
    repeated: int = 0
    """Samples that were given again."""

    @property
    def samples(self) -> int:
        """Up to where it is there."""
        return (self.start or 0) + len(self.pcm) // 2


class Egress(egress_rpc.EgressServiceServicer):
    """One session's, though several brokers may speak for it, one after another."""

    def __init__(self) -> None:
        self.log: Log[egress.SpeakRequest] = Log()
        self.on_request: Callable[[egress.SpeakRequest], None] = lambda _: None
        """Told of every message as it comes."""
        self.replies: dict[int, Kept] = {}
        self.faults: list[str] = []
        self.is_dumb = False
        """Takes streams, and says nothing on them."""
        self._floor = self._seq = 0
        self._silent = egress.Played()
        self._claim = (0, 0)
        self._contexts: list[Any] = []
        self._serving: list[asyncio.Task[Any] | None] = []
        self._one_writer = asyncio.Lock()

    async def Speak(self, requests: AsyncIterator[egress.SpeakRequest], context: Any) -> None:  # type: ignore[override]
        """Take one stream until it ends; the newest counts."""
        first = await anext(requests)
        claim = (first.open.lease, first.open.dial)
        if claim <= self._claim:
            await self._tell(context, error=wire.Error(code=wire.Error.CODE_SUPERSEDED, message="too late"))
            return
        self._claim = claim
        if self._contexts:
            end = wire.StreamEnd(reason=wire.StreamEnd.REASON_SUPERSEDED)
            with suppress(grpc.RpcError, asyncio.InvalidStateError):
                await self._tell(self._contexts[-1], end=end)
        self._contexts.append(context)
        self._serving.append(asyncio.current_task())
        self.log.add(first)
        if not self.is_dumb:
            await self._tell(context, ready=wire.StreamReady())
            await self._tell(context, held=self.held())
        beating = asyncio.create_task(beat(lambda: self._tell(context, heartbeat=wire.Heartbeat())))
        try:
            async for request in requests:
                if self._contexts[-1] is not context:
                    return
                self.log.add(request)
                self._keep(request)
                self.on_request(request)
                if request.HasField("end"):
                    return
        except StrandBroken:
            return
        finally:
            beating.cancel()

    async def Attach(self, _requests: object, context: Any) -> None:  # type: ignore[override]
        """Nobody listens here."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED)

    def _keep(self, request: egress.SpeakRequest) -> None:
        match request.WhichOneof("message"):
            case "reply_started":
                self.replies.setdefault(request.reply_started.reply, Kept(request.reply_started.turn))
            case "audio":
                self._keep_audio(request.audio)
            case "caption" if request.caption.who == client.Caption.WHO_ASSISTANT and request.caption.reply:
                self.replies.setdefault(request.caption.reply, Kept(request.caption.turn)).captions.append(
                    request.caption
                )
            case "reply_ended":
                kept = self.replies[request.reply_ended.reply]
                kept.is_complete = True
                if kept.samples != request.reply_ended.samples:
                    self.faults.append(f"{request.reply_ended} has {kept.samples} samples")
            case "interrupt":
                self._floor = max(self._floor, request.interrupt.floor)
                self._seq = max(self._seq, request.interrupt.seq)

    def _keep_audio(self, piece: audio.ReplyAudio) -> None:
        kept = self.replies.get(piece.reply)
        if kept is None or piece.reply <= self._floor:
            if piece.reply > self._floor:
                self.faults.append(f"audio of reply {piece.reply}, which has not begun")
            return
        if kept.start is None:
            kept.start = piece.position
        lead = kept.samples - piece.position
        if lead < 0:
            self.faults.append(f"reply {piece.reply} goes on at {piece.position}, not at {kept.samples}")
            return
        kept.repeated += min(lead, len(piece.pcm) // 2)
        kept.pcm += piece.pcm[2 * lead :]

    def held(self) -> egress.Held:
        """What this egress holds."""
        held = egress.Held(seq=self._seq, floor=self._floor, newest_reply=max(self.replies, default=0))
        if self._silent.flushed_seq:
            held.silent.CopyFrom(self._silent)
        for number, kept in sorted(self.replies.items()):
            if kept.start is not None:
                reply = held.replies.add(reply=number, turn=kept.turn, samples=kept.samples, complete=kept.is_complete)
                reply.played, reply.ended, reply.dead = kept.played, kept.has_ended, number <= self._floor
                reply.captions.extend(kept.captions)
        return held

    async def played(self, reply: int, ms: float, *, seq: int = 0, ended: bool = False, mic_offset: int = 0) -> None:
        """Report playback on the newest stream, at that sample of the client's microphone."""
        position = int(ms * MS)
        played = egress.Played(reply=reply, position=position, mic_offset=mic_offset, flushed_seq=seq, ended=ended)
        if seq:
            self._silent = played
        if (kept := self.replies.get(reply)) is not None:
            kept.played, kept.has_ended = max(kept.played, played.position), kept.has_ended or ended
        with suppress(grpc.RpcError, asyncio.InvalidStateError):  # the broker may be gone
            await self._tell(self._contexts[-1], played=played)

    def break_off(self) -> None:
        """Break the newest stream, without a last message."""
        serving = self._serving[-1]
        assert serving is not None
        serving.cancel()

    async def _tell(self, context: Any, **message: Any) -> None:
        async with self._one_writer:
            await context.write(egress.SpeakResponse(**message))

    @property
    def streams(self) -> int:
        """How often a broker has dialled."""
        return len(self._contexts)

    def audio_of(self, reply: int) -> bytes:
        """All audio given of a reply, from where it begins here."""
        return bytes(self.replies[reply].pcm) if reply in self.replies else b""

    async def ended(self, reply: int) -> audio.ReplyEnded:
        """Wait until a reply has been given whole."""
        return (await self.log.until(lambda r: r.HasField("reply_ended") and r.reply_ended.reply == reply)).reply_ended

    async def last_word(self) -> wire.StreamEnd:
        """Wait for the end of the stream."""
        return (await self.log.until(lambda r: r.HasField("end"))).end
