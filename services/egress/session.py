"""Speaking: one session in egress, where the broker's stream and the ingress's stream meet."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as conversation
from parley.v1 import egress_service_pb2 as wire
from parley.v1 import session_pb2, stream_pb2
from services.common import moments
from services.common.audio import MIC_HZ, REPLY_FRAME_SAMPLES, REPLY_HZ
from services.common.errors import LimitFault
from services.common.outbox import Outbox
from services.common.traceparent import trace_id
from services.egress.playout import Event, Playout
from services.egress.spans import IN_BAND, TOPIC, Spans

log = logging.getLogger("parley.egress")

_REPORTED_SAMPLES: Final = REPLY_HZ * 9 // 10
"""While a reply is played without a hitch, the broker is told once a second: every fifth report of the client."""

_LIFT_S: Final = 5.0
"""How long after a fence a cancel's floor is waited for: ingress, if it knows of the cancel, has sent it on by then."""


class Speaking:
    """Moves messages between the two streams and the playout core. Everything here is immediate; nothing waits.

    Each stream may be replaced by another one. What still comes by one that was replaced is passed over.
    """

    def __init__(self, session: str, clock: Callable[[], float] = time.monotonic, spans: Spans | None = None) -> None:
        self.session = session
        self.lease = 0
        """The highest lease seen; what an earlier owner's ring still says on the topic is ignored."""
        self.playout = Playout()
        self.to_broker: Outbox[wire.SpeakResponse] | None = None
        self.to_ingress: Outbox[wire.AttachResponse] | None = None
        self.is_over = False
        """True when either side has said that the session is."""
        self.due_s = -math.inf
        """When the next tick has something to do."""
        self._clock = clock
        self._spans = spans or Spans(session)
        self._lift_s = math.inf
        self._joined: set[str] = set()
        self._reported: audio.Playback | None = None
        """What the broker was last told of the client's playback."""

    @property
    def is_deserted(self) -> bool:
        """True when neither stream is there."""
        return self.to_broker is None and self.to_ingress is None

    @property
    def is_quiet(self) -> bool:
        """True when nobody would miss a moment of it."""
        return self.to_ingress is None or self.playout.is_idle

    # Streams come and go.

    def join_broker(self, outbox: Outbox[wire.SpeakResponse], lease: int) -> None:
        """A broker speaks from now on: tell it that all is ready, and what is held."""
        self._join("broker", lease)
        self.to_broker = outbox
        self._reported = None
        outbox.control(wire.SpeakResponse(ready=stream_pb2.StreamReady()))
        outbox.control(wire.SpeakResponse(held=self.playout.join_broker()))

    def join_ingress(self, outbox: Outbox[wire.AttachResponse], opened: wire.AttachOpen) -> None:
        """An ingress listens from now on: tell it that all is ready, and the floor; then go on from where it wants."""
        self._join("ingress", opened.open.lease)
        self.to_ingress = outbox
        self.playout.set_lead(opened.lead_ms)
        self.playout.join_listener(opened.next)
        outbox.control(wire.AttachResponse(ready=stream_pb2.StreamReady()))
        gate = self.playout.gate
        if gate.floor:
            cancel = session_pb2.Interrupt.KIND_CANCEL
            floor = session_pb2.Interrupt(session=self.session, seq=gate.settled_seq, kind=cancel, floor=gate.floor)
            outbox.control(wire.AttachResponse(interrupt=floor))
        self.tick()

    def _join(self, stage: str, lease: int) -> None:
        if stage in self._joined:
            self.playout.counters[f"takeovers_{stage}"] += 1
        self._joined.add(stage)
        self.lease = max(self.lease, lease)
        self.is_over = False

    def leave_broker(self, outbox: Outbox[wire.SpeakResponse]) -> None:
        """A broker's stream has ended, however; what it gave is played on."""
        if self.to_broker is outbox:
            self.to_broker = None

    def leave_ingress(self, outbox: Outbox[wire.AttachResponse]) -> None:
        """An ingress's stream has ended, however; what it would have played waits."""
        if self.to_ingress is outbox:
            self.to_ingress = None

    def drain(self) -> None:
        """Send both away: another egress goes on."""
        end = stream_pb2.StreamEnd(reason=stream_pb2.StreamEnd.REASON_DRAINING, detail="this egress is stopping")
        if self.to_ingress is not None:
            self.to_ingress.close(wire.AttachResponse(end=end))
        if self.to_broker is not None:
            self.to_broker.close(wire.SpeakResponse(end=end))

    # What they say.

    def from_broker(self, request: wire.SpeakRequest, by: Outbox[wire.SpeakResponse] | None = None) -> None:
        """Take a message of the Speak stream, `by` whose outbox it came; None for the one that is there."""
        if by is not None and by is not self.to_broker:
            return
        match request.WhichOneof("message"):
            case "reply_started":
                self._spans.begin(request.reply_started)
                self.playout.begin(request.reply_started)
            case "audio":
                self.playout.feed(request.audio, self._clock())
            case "caption":
                self.playout.caption(request.caption)
            case "reply_ended":
                self.playout.end(request.reply_ended)
            case "interrupt":
                self._cut(request.interrupt, IN_BAND)
                self._forward(wire.AttachResponse(interrupt=request.interrupt))
            case "end":
                self._note_end(request.end)
        self.tick()

    def from_ingress(self, request: wire.AttachRequest, by: Outbox[wire.AttachResponse] | None = None) -> None:
        """Take a message of the Attach stream, `by` whose outbox it came; None for the one that is there."""
        if by is not None and by is not self.to_ingress:
            return
        match request.WhichOneof("message"):
            case "playback":
                self._spans.played(request.playback)
                self.playout.played(request.playback, self._clock())
                if self.to_broker is not None and self._is_news(request.playback):
                    self._reported = request.playback
                    self._tell_played(_in_passing(request.playback))
            case "flushed":
                self._spans.silent(request.flushed)
                silent = _final(request.flushed)
                self.playout.silent(silent)
                self._tell_played(silent)
            case "fence":
                self.playout.gate.fence(request.fence.seq)
                self._lift_s = self._clock() + _LIFT_S
            case "end":
                self._note_end(request.end)
        self.tick()

    def _note_end(self, end: stream_pb2.StreamEnd) -> None:
        if end.reason not in (stream_pb2.StreamEnd.REASON_SUPERSEDED, stream_pb2.StreamEnd.REASON_DRAINING):
            self.is_over = True

    def from_topic(self, interrupt: session_pb2.Interrupt) -> None:
        """Take an interrupt of the topic: one with its floor comes from the record, after a reconnection."""
        if interrupt.kind != session_pb2.Interrupt.KIND_CANCEL or 0 < interrupt.lease < self.lease:
            return
        if interrupt.floor:
            self._cut(interrupt, TOPIC)
            self.tick()
        else:
            self._spans.cancelled(interrupt, TOPIC)
            self.playout.shut(interrupt)

    def _cut(self, interrupt: session_pb2.Interrupt, way: str) -> None:
        self._spans.cancelled(interrupt, way)
        before, is_news = self.playout.counters["samples_cancelled"], interrupt.seq > self.playout.gate.settled_seq
        self.playout.interrupt(interrupt)
        dropped = self.playout.counters["samples_cancelled"] - before
        self._spans.flushed(interrupt, dropped)
        if is_news:
            words, known = f"{dropped * 1000 // REPLY_HZ} ms not sent yet", {"seq": interrupt.seq}
            trace = trace_id(interrupt.traceparent)
            moments.note(log, moments.BUFFERS_CLEARED, self.session, words, trace_id=trace, **known)

    def tick(self) -> None:
        """Send what is due."""
        if self.to_ingress is None:
            self.due_s = math.inf
            return
        now_s = self._clock()
        if now_s >= self._lift_s:
            self._lift_s = math.inf
            self.playout.lift()
        try:
            for event in self.playout.poll(now_s):
                self._spans.sent(event)
                self.to_ingress.audio(_response(event))
        except LimitFault as fault:
            self._lose_listener(self.to_ingress, fault)
        self.due_s = min(self.playout.due_s(), self._lift_s)

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
        at_us=report.at_us,
    )


def _final(silent: audio.Flushed) -> wire.Played:
    return wire.Played(
        reply=silent.reply,
        position=silent.position,
        mic_offset=silent.mic_offset,
        flushed_seq=silent.seq,
        estimated=silent.estimated,
        at_us=silent.at_us,
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
