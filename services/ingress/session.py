"""Session: one client's conversation as ingress sees it. It moves messages; nothing here waits, and nothing judges."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2, stream_pb2
from parley.v1 import vad_service_pb2 as vad
from services.common.audio import MIC_HZ, ms_of, pcm_samples
from services.common.errors import ParleyError, PeerLost, ProtocolFault, RemoteFault
from services.common.gate import Gate
from services.common.outbox import Outbox
from services.ingress.attention import Attention
from services.ingress.echo.canceller import EchoCanceller
from services.ingress.echo.notice import notice_of
from services.ingress.echo.watch import Trouble
from services.ingress.farewell import Code, code_of, counter_of, farewell
from services.ingress.formats import input_format, output_format
from services.ingress.limits import Limits
from services.ingress.microphone import Microphone
from services.ingress.notices import Notices
from services.ingress.pace import Pace
from services.ingress.plausible import plausible_samples, plausible_words
from services.ingress.retention import Retention
from services.ingress.speaker import Speaker

log = logging.getLogger("parley.ingress")

DUCK_DB: Final = -20.0
WIRE_SILENCE_MS: Final = 400
"""A microphone that sends nothing for this long is taken for silent."""

_TO_CLIENT: Final = 200


class Session:
    """The three outboxes of a session and what goes into them.

    Audio that the client does not read in time is dropped, oldest first; audio for vad never is.
    Raises FormatFault when the formats asked for are not taken.
    """

    def __init__(
        self, opened: client.Open, limits: Limits | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.to_client: Outbox[client.ConverseResponse] = Outbox(_TO_CLIENT, drop_oldest=True)
        limits = limits or Limits()
        self.to_vad: Outbox[vad.ListenRequest] = Outbox(limits.max_at_once, max_control=limits.max_at_once)
        self.to_egress: Outbox[egress.AttachRequest] = Outbox(limits.max_at_once, max_control=limits.max_at_once)
        self.microphone = Microphone(input_format(opened.input), limits.max_frame_ms)
        self.speaker = Speaker(output_format(opened.output))
        self.retention = Retention()
        self.counters: Counter[str] = Counter()
        self.ready: set[str] = set()
        self.ring_ready = asyncio.Event()
        self.name = ""
        self.lease = 0
        """The lease it is held by; what an earlier owner's ring still says on the topic is ignored."""
        self._clock = clock
        self._pace = Pace(limits, clock())
        self._attention = Attention(limits, clock())
        self._notices = Notices(self.to_client.control, self.counters)
        self._someone_speaks = False
        server_cancels = opened.echo == client.Open.ECHO_SERVER
        self._echo = EchoCanceller(self._say_trouble) if server_cancels else None
        self._gate = Gate()
        self._last_verdict = 0
        self._highest_reply = 0
        self._quiet_ms = 0
        self._bridged_ms = 0

    # From the client.

    def heard(self) -> None:
        """Note that the client has sent something, of whatever kind. Raises LimitFault when it sends too much."""
        self._pace.message(self._clock())
        self._attention.heard()

    def from_client(self, request: client.ConverseRequest) -> None:
        """Take a message of the client. Raises ProtocolFault, FormatFault or LimitFault for a bad one."""
        match request.WhichOneof("message"):
            case "audio":
                self._quiet_ms = self._bridged_ms = 0
                if (stamp := request.audio.playhead).reply:
                    stamp.position = self.speaker.to_ring(plausible_samples(stamp.position))
                for frame in self.microphone.feed(request.audio):
                    self._pace.audio(ms_of(pcm_samples(frame.pcm), MIC_HZ), self._clock())
                    self._give(self._echo.feed(frame) if self._echo else [frame])
            case "playback":
                report = request.playback
                report.position = self.speaker.to_ring(plausible_samples(report.position))
                report.mic_offset = self.microphone.to_ring(plausible_samples(report.mic_offset))
                self.to_egress.control(egress.AttachRequest(playback=report))
            case "flushed":
                silent = request.flushed
                silent.position = self.speaker.to_ring(plausible_samples(silent.position))
                silent.mic_offset = self.microphone.to_ring(plausible_samples(silent.mic_offset))
                self.to_egress.control(egress.AttachRequest(flushed=silent))
            case "interrupt":
                self.to_vad.control(vad.ListenRequest(interrupt=request.interrupt))
            case "mute":
                self.to_vad.audio(vad.ListenRequest(mute=request.mute))
            case "push_to_talk":
                self.to_vad.audio(vad.ListenRequest(push_to_talk=request.push_to_talk))
            case "say":
                self.to_vad.audio(vad.ListenRequest(say=plausible_words(request.say)))
                self._attention.active(self._clock())
            case "open":
                raise ProtocolFault("open came twice: it is the first message of a conversation, and only that.")
            case "end":
                self.say_farewell(client.Closed.CODE_CLIENT)
            case None:
                raise ProtocolFault("an empty or unknown message; see protos/parley/v1/conversation_service.proto.")

    def _give(self, frames: list[audio.AudioFrame]) -> None:
        for frame in frames:
            self.retention.keep(frame)
            self.to_vad.audio(vad.ListenRequest(audio=frame))

    def _say_trouble(self, trouble: Trouble, words: str) -> None:
        log.warning("session %s: %s", self.name or "(opening)", words)
        self._notices.add(notice_of(trouble, words).notice)

    def tick(self, ms: int) -> None:
        """Be told that `ms` have passed: a microphone silent on the wire becomes a gap.

        Raises LimitFault when the client neither sends nor reads, when nobody has spoken for too long, or time is up.
        """
        self._attention.hear_nothing(ms)
        if self._someone_speaks:
            self._attention.active(self._clock())
        self._attention.check(len(self.to_client), self.to_client.statistics, self._clock())
        self._quiet_ms += ms
        if self._quiet_ms >= WIRE_SILENCE_MS:
            if self._echo:
                self._give(self._echo.flush())
            gap = self.microphone.bridge(self._quiet_ms - self._bridged_ms)
            self._bridged_ms = self._quiet_ms
            self.to_vad.audio(vad.ListenRequest(gap=gap))

    # From the ring.

    def from_vad(self, response: vad.ListenResponse) -> None:
        """Take a message of vad. Raises what vad tells of."""
        match response.WhichOneof("message"):
            case "ready":
                self._note_ready("vad")
            case "heard":
                self.retention.heard(response.heard.mic_offset)
            case "interrupt":
                self.verdict(response.interrupt)
            case "state":
                self._someone_speaks = response.state.state != session_pb2.CONVERSATION_STATE_IDLE
                self.to_client.control(client.ConverseResponse(state=response.state))
            case "notice":
                self._notices.add(response.notice)
            case "hangup":
                self._hang_up(response.hangup)
            case "peer_lost":
                raise PeerLost(response.peer_lost.stage, response.peer_lost.detail)
            case "error":
                raise RemoteFault(response.error)
            case "end":
                _raise_unless_done("vad", response.end)

    def from_egress(self, response: egress.AttachResponse) -> None:
        """Take a message of egress. Raises what egress tells of."""
        match response.WhichOneof("message"):
            case "ready":
                self._note_ready("egress")
            case "audio":
                self._play(response.audio)
            case "reply_ended":
                self._end_reply(response.reply_ended)
            case "interrupt":
                self.verdict(response.interrupt, has_floor=True)
            case "caption":
                self._show(response.caption)
            case "turn_report":
                self.to_client.control(client.ConverseResponse(turn_report=response.turn_report))
            case "error":
                raise RemoteFault(response.error)
            case "end":
                _raise_unless_done("egress", response.end)

    def _note_ready(self, stage: str) -> None:
        self.ready.add(stage)
        if self.ready == {"vad", "egress"}:
            self.ring_ready.set()

    def from_topic(self, interrupt: session_pb2.Interrupt) -> None:
        """Take a cancel of the topic; one with a floor comes from the record, after a reconnection."""
        if interrupt.kind == session_pb2.Interrupt.KIND_CANCEL and not 0 < interrupt.lease < self.lease:
            self.verdict(interrupt, has_floor=interrupt.floor > 0)

    def verdict(self, interrupt: session_pb2.Interrupt, *, has_floor: bool = False) -> None:
        """Take a verdict by any of its ways: on Listen, on the topic, or in band with its floor."""
        match interrupt.kind:
            case session_pb2.Interrupt.KIND_CANCEL if has_floor:
                self._cancel(interrupt, news=self._gate.open(interrupt.seq, interrupt.floor))
            case session_pb2.Interrupt.KIND_CANCEL:
                self._cancel(interrupt, news=self._gate.shut(interrupt.seq))
            case session_pb2.Interrupt.KIND_DUCK if interrupt.seq > self._last_verdict:
                duck = client.Duck(seq=interrupt.seq, gain_db=DUCK_DB)
                self.to_client.control(client.ConverseResponse(duck=duck))
                if self._echo:
                    self._echo.duck(DUCK_DB)
            case session_pb2.Interrupt.KIND_RELEASE if interrupt.seq > self._last_verdict:
                if self._echo:
                    self._echo.release()
                self.to_client.control(client.ConverseResponse(release=client.Release(seq=interrupt.seq)))
        self._last_verdict = max(self._last_verdict, interrupt.seq)

    def _cancel(self, interrupt: session_pb2.Interrupt, *, news: bool) -> None:
        if not news:
            return
        self.counters["replies_flushed"] += 1
        self.to_client.clear_audio()
        self.speaker.forget()
        if self._echo:
            self._echo.release()
        floor = max(self._highest_reply, interrupt.floor)
        self.to_client.control(client.ConverseResponse(flush=client.Flush(seq=interrupt.seq, floor=floor)))

    def _play(self, piece: audio.ReplyAudio) -> None:
        if not self._gate.passes(piece.reply):
            self.counters["dead_samples_stopped"] += len(piece.pcm) // 2
            return
        self._highest_reply = max(self._highest_reply, piece.reply)
        if self._echo:
            self._echo.play(piece)
        for converted in self.speaker.feed(piece):
            self.to_client.audio(client.ConverseResponse(audio=converted))

    def _end_reply(self, ended: audio.ReplyEnded) -> None:
        if not self._gate.passes(ended.reply):
            return
        if self._echo:
            self._echo.end(ended.reply)
        for message in self.speaker.end(ended):
            if isinstance(message, audio.ReplyAudio):
                self.to_client.audio(client.ConverseResponse(audio=message))
            else:
                self.to_client.audio(client.ConverseResponse(reply_ended=message))

    def _show(self, caption: client.Caption) -> None:
        if caption.who == client.Caption.WHO_ASSISTANT and not caption.final and not self._gate.passes(caption.reply):
            return
        caption.position = self.speaker.to_client(caption.position)
        self.to_client.control(client.ConverseResponse(caption=caption))

    # The end.

    def say_farewell(self, code: Code, words: str = "") -> None:
        """End the conversation well: what waits is still sent, then Closed; when it is sent, the session ends."""
        self.to_client.close(farewell(code, words))

    def _hang_up(self, hangup: stream_pb2.Hangup) -> None:
        """The broker ends it, once everything was heard."""
        self.counters[counter_of(hangup.reason)] += 1
        log.info("session %s: the broker hangs up: %s", self.name, hangup.words or "it says no more")
        self.say_farewell(code_of(hangup.reason), hangup.words)

    def close(self, fault: ParleyError | None) -> None:
        """Put the last message into every outbox."""
        reason = stream_pb2.StreamEnd.REASON_FAILED if fault else stream_pb2.StreamEnd.REASON_DONE
        end = stream_pb2.StreamEnd(reason=reason, detail=fault.message if fault else "")
        if fault is not None:
            self.to_client.clear_audio()
            self.to_client.control(client.ConverseResponse(error=fault.to_wire()))
        self.say_farewell(client.Closed.CODE_FAULT if fault else client.Closed.CODE_UNSPECIFIED)
        self.to_vad.close(vad.ListenRequest(end=end))
        self.to_egress.close(egress.AttachRequest(end=end))

    def statistics(self) -> Counter[str]:
        """Return every counter of this session."""
        total = self.counters + self.microphone.counters
        total["client_audio_dropped"] += self.to_client.statistics.dropped
        total["mic_samples_not_retained"] += self.retention.dropped_samples
        if self._echo:
            total["echo_reference_dropped"] += self._echo.reference.dropped_samples
        return +total


def _raise_unless_done(stage: str, end: stream_pb2.StreamEnd) -> None:
    if end.reason != stream_pb2.StreamEnd.REASON_DONE:
        reason = stream_pb2.StreamEnd.Reason.Name(end.reason).removeprefix("REASON_").lower()
        raise PeerLost(stage, f"it ended the session ({reason}) {end.detail}".strip())
