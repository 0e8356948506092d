"""Speaking: one session in egress, where the broker's stream and the ingress's stream meet."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as conversation
from parley.v1 import egress_service_pb2 as wire
from parley.v1 import session_pb2, stream_pb2
from services.common.audio import MIC_HZ, REPLY_FRAME_SAMPLES, REPLY_HZ
from services.common.errors import LimitFault
from services.common.outbox import Outbox
from services.egress.playout import Event, Playout

_REPORTED_SAMPLES: Final = REPLY_HZ * 9 // 10
"""While a reply is played without a hitch, the broker is told once a second: every fifth report of the client."""


class Speaking:
    """Moves messages between the two streams and the playout core. Everything here is immediate; nothing waits."""

    def __init__(self, session: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.session = session
        self.lease = 0
        """The highest lease seen; what an earlier owner's ring still says on the topic is ignored."""
        self.playout = Playout()
        self.to_broker: Outbox[wire.SpeakResponse] | None = None
        self.to_ingress: Outbox[wire.AttachResponse] | None = None
        self.due_s = -math.inf
        """When the next tick has something to do."""
        self._clock = clock
        self._reported: audio.Playback | None = None
        """What the broker was last told of the client's playback."""

    @property
    def is_deserted(self) -> bool:
        """True when neither stream is there."""
        return self.to_broker is None and self.to_ingress is None

    def from_broker(self, request: wire.SpeakRequest) -> None:
        """Take a message of the Speak stream."""
        match request.WhichOneof("message"):
            case "reply_started":
                self.playout.begin(request.reply_started)
            case "audio":
                self.playout.feed(request.audio, self._clock())
            case "caption":
                self.playout.caption(request.caption)
            case "reply_ended":
                self.playout.end(request.reply_ended)
            case "interrupt":
                self.playout.interrupt(request.interrupt)
                self._forward(wire.AttachResponse(interrupt=request.interrupt))
        self.tick()

    def from_ingress(self, request: wire.AttachRequest) -> None:
        """Take a message of the Attach stream."""
        match request.WhichOneof("message"):
            case "playback":
                self.playout.played(request.playback, self._clock())
                if self.to_broker is not None and self._is_news(request.playback):
                    self._reported = request.playback
                    self._tell_played(_in_passing(request.playback))
            case "flushed":
                self._tell_played(_final(request.flushed))
        self.tick()

    def from_topic(self, interrupt: session_pb2.Interrupt) -> None:
        """Take an interrupt of the topic: one with its floor comes from the record, after a reconnection."""
        if interrupt.kind != session_pb2.Interrupt.KIND_CANCEL or 0 < interrupt.lease < self.lease:
            return
        if interrupt.floor:
            self.playout.interrupt(interrupt)
            self.tick()
        else:
            self.playout.shut(interrupt)

    def tick(self) -> None:
        """Send what is due."""
        if self.to_ingress is None:
            self.due_s = math.inf
            return
        try:
            for event in self.playout.poll(self._clock()):
                self.to_ingress.audio(_response(event))
        except LimitFault as fault:
            self._lose_listener(self.to_ingress, fault)
        self.due_s = self.playout.due_s()

    def _lose_listener(self, listener: Outbox[wire.AttachResponse], fault: LimitFault) -> None:
        """End the stream of an ingress that does not read: neither the broker nor other sessions may suffer for it."""
        self.to_ingress = None
        listener.clear_audio()
        listener.control(wire.AttachResponse(error=fault.to_wire()))
        end = stream_pb2.StreamEnd(reason=stream_pb2.StreamEnd.REASON_FAILED, detail=fault.message)
        listener.close(wire.AttachResponse(end=end))

    def _is_news(self, report: audio.Playback) -> bool:
        """Say whether the broker could not have worked it out from the last report it was given."""
        last = self._reported
        if last is None or report.ended or report.reply != last.reply:
            return True
        expected = last.position + (report.mic_offset - last.mic_offset) * REPLY_HZ // MIC_HZ
        late = abs(report.position - expected) > REPLY_FRAME_SAMPLES
        return late or report.position - last.position >= _REPORTED_SAMPLES

    def _forward(self, response: wire.AttachResponse) -> None:
        if self.to_ingress is not None:
            self.to_ingress.control(response)

    def _tell_played(self, played: wire.Played) -> None:
        if self.to_broker is not None:
            self.to_broker.control(wire.SpeakResponse(played=played))


def _in_passing(report: audio.Playback) -> wire.Played:
    return wire.Played(
        reply=report.reply,
        position=report.position,
        mic_offset=report.mic_offset,
        estimated=report.estimated,
        ended=report.ended,
    )


def _final(silent: audio.Flushed) -> wire.Played:
    return wire.Played(
        reply=silent.reply,
        position=silent.position,
        mic_offset=silent.mic_offset,
        flushed_seq=silent.seq,
        estimated=silent.estimated,
    )


def _response(event: Event) -> wire.AttachResponse:
    match event:
        case audio.ReplyAudio():
            return wire.AttachResponse(audio=event)
        case audio.ReplyEnded():
            return wire.AttachResponse(reply_ended=event)
        case conversation.Caption():
            return wire.AttachResponse(caption=event)
        case conversation.TurnReport():
            return wire.AttachResponse(turn_report=event)


class Speakings:
    """All sessions of this process, and the one ticker that drives their playout."""

    def __init__(self) -> None:
        self._sessions: dict[str, Speaking] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def get(self, session: str) -> Speaking:
        """Return the session, made at the first of its two streams."""
        if session not in self._sessions:
            self._sessions[session] = Speaking(session)
        return self._sessions[session]

    def leave(self, speaking: Speaking) -> None:
        """Forget a session when its last stream has gone."""
        if speaking.is_deserted:
            self._sessions.pop(speaking.session, None)

    async def run(self, period_s: float = 0.01) -> None:
        """Tick every session for which something is due, on absolute deadlines."""
        deadline = time.monotonic()
        while True:
            now_s = time.monotonic()
            for speaking in [speaking for speaking in self._sessions.values() if speaking.due_s <= now_s]:
                speaking.tick()
            deadline = max(deadline + period_s, time.monotonic())
            await asyncio.sleep(deadline - time.monotonic())
