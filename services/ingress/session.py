"""Session: one client's conversation as ingress sees it. It moves messages; nothing here waits, and nothing judges."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2, stream_pb2
from parley.v1 import vad_service_pb2 as vad
from services.common.errors import LimitFault, ParleyError, PeerLost, ProtocolFault, RemoteFault
from services.common.outbox import Outbox
from services.ingress.attention import Attention
from services.ingress.downlink import Downlink
from services.ingress.echo.canceller import EchoCanceller
from services.ingress.echo.notice import notice_of
from services.ingress.echo.watch import Trouble
from services.ingress.formats import OPUS, input_format, output_format
from services.ingress.limits import Limits
from services.ingress.listener import Listener
from services.ingress.losses import EGRESS, VAD, ended
from services.ingress.microphone import Microphone
from services.ingress.narrator import Narrator
from services.ingress.notices import Notices
from services.ingress.pace import Pace
from services.ingress.parting import Parting
from services.ingress.plausible import plausible_samples, plausible_seq, plausible_words
from services.ingress.receipts import Receipts
from services.ingress.resumption import Elsewhere
from services.ingress.spans import IN_BAND, LISTEN, TOPIC, Spans
from services.ingress.speaker import Speaker
from services.ingress.uplink import Uplink
from services.ingress.verdicts import DUCK_DB, Verdicts

log = logging.getLogger("parley.ingress")

_EARLY: Final = 400


class Session:
    """What goes between a client and the two hops, whoever answers there: `dial_vad` and `dial_egress` begin anew.

    Its client is told nothing of the conversation before Opened. `elsewhere`: what is known of a session that has begun
    at another ingress, or under another connection; its microphone begins where vad wants it to.
    Raises FormatFault when the formats asked for are not taken, ProtocolFault where nobody can be who resumes.
    """

    def __init__(
        self,
        opened: client.Open,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        elsewhere: Elsewhere | None = None,
        spans: Spans | None = None,
    ) -> None:
        limits = self.limits = limits or Limits()
        self.counters: Counter[str] = Counter()
        self.name = ""
        self.spans = spans or Spans()
        self.lease = 0
        """The lease it is held by; what an earlier owner's ring still says on the topic is ignored."""
        self.is_announced = False
        begun = elsewhere or Elsewhere()
        self._opened, self._comes_back, self._clock = opened, elsewhere is not None, clock
        self._attention = Attention(limits, clock(), begun.age_s)
        self._pace = Pace(limits, clock(), begun.backlog_ms)
        self._echo = EchoCanceller(self._say_trouble) if opened.echo == client.Open.ECHO_SERVER else None
        self.verdicts = Verdicts(begun.seq, begun.floor, plausible_seq(opened.seq) if elsewhere else 0)
        self._gate = self.verdicts.gate
        heard = input_format(opened.input)
        self.microphone = Microphone(heard, limits.max_frame_ms)
        self.uplink = Uplink(limits.max_at_once)
        shift = elsewhere.mic_shift if elsewhere else None
        self._listener = Listener(
            self.microphone, self.uplink, self._echo, self._count_sound, shift, is_steady=heard.encoding != OPUS
        )
        self.speaker = Speaker(output_format(opened.output))
        self.downlink = Downlink(self.speaker, self._gate, limits.max_at_once, self._echo)
        self.to_client = self.downlink.to_client
        self.parting = Parting(self.uplink, self.downlink, self.counters)
        self._notices = Notices(self.to_client.control, self.counters)
        self._receipts = Receipts(self.microphone, self.to_client if limits.resume_s else None)
        self._early: deque[Callable[[], None]] = deque(maxlen=_EARLY)
        self._ready: set[str] = set()
        self._someone_speaks = False
        self._fence = 0
        self._narrator = Narrator()
        if elsewhere:
            position = self.speaker.to_ring(plausible_samples(opened.next.position))
            self.downlink.next = audio.Playhead(reply=opened.next.reply, position=position)

    @property
    def to_vad(self) -> Outbox[vad.ListenRequest]:
        """What goes to the vad of the moment."""
        return self.uplink.outbox

    @property
    def to_egress(self) -> Outbox[egress.AttachRequest]:
        """What goes to the egress of the moment."""
        return self.downlink.outbox

    @property
    def stands(self) -> bool:
        """Whether both hops have been ready."""
        return self._ready == {VAD, EGRESS}

    # From the client.

    def heard(self) -> None:
        """Note that the client has sent something, of whatever kind. Raises LimitFault when it sends too much."""
        self._pace.message(self._clock())
        self._attention.heard()

    def from_client(self, request: client.ConverseRequest) -> None:
        """Take a message of the client. Raises ProtocolFault, FormatFault or LimitFault for a bad one."""
        if (kind := request.WhichOneof("message")) != "audio":
            self._listener.sign()
        match kind:
            case "audio":
                if (stamp := request.audio.playhead).reply:
                    stamp.position = self.speaker.to_ring(plausible_samples(stamp.position))
                self._listener.hear(request.audio)
                self.spans.hear(self.microphone.mic_offset)
            case "playback":
                self._into_ring(request.playback)
                self.downlink.played(request.playback)
            case "flushed":
                self._into_ring(request.flushed)
                self.spans.silent(request.flushed)
                self.downlink.silent(request.flushed)
                self._narrator.silent(self.name, request.flushed)
            case "interrupt":
                self.uplink.press(vad.ListenRequest(interrupt=request.interrupt), at_once=True)
            case "mute":
                self.uplink.keep(vad.ListenRequest(mute=request.mute))
            case "push_to_talk":
                self.uplink.keep(vad.ListenRequest(push_to_talk=request.push_to_talk))
            case "say":
                self.uplink.keep(vad.ListenRequest(say=plausible_words(request.say)))
                self._attention.active(self._clock())
            case "open":
                raise ProtocolFault("open came twice: it is the first message of a conversation, and only that.")
            case "end":
                self.parting.say_farewell(client.Closed.CODE_CLIENT)
            case None:
                raise ProtocolFault("an empty or unknown message; see protos/parley/v1/conversation_service.proto.")

    def _into_ring(self, report: audio.Playback | audio.Flushed) -> None:
        report.position = self.speaker.to_ring(plausible_samples(report.position))
        report.mic_offset = self.microphone.to_ring(plausible_samples(report.mic_offset))
        self.spans.stamp(report)

    def _count_sound(self, ms: float) -> None:
        self._pace.audio(ms, self._clock())

    def _say_trouble(self, trouble: Trouble, words: str) -> None:
        log.warning("session %s: %s", self.name or "(opening)", words)
        self._notices.add(notice_of(trouble, words).notice)

    def tick(self, ms: int) -> None:
        """Be told that `ms` have passed: a microphone silent on the wire becomes a gap.

        Raises LimitFault when the client neither sends nor reads, when nobody has spoken for too long, or time is up.
        """
        self.uplink.tick(ms)
        self.verdicts.tick(ms, self.downlink.playing)
        if self._someone_speaks:
            self._attention.active(self._clock())
        if self.parting.is_parked:
            self._attention.check_time(self._clock())
            return
        self._attention.hear_nothing(ms)
        self._attention.check(len(self.to_client), self.to_client.statistics, self._clock())
        self._listener.tick(ms)
        if self.is_announced:
            self._receipts.tick(ms)

    # To the ring.

    def dial_vad(self, open_: stream_pb2.StreamOpen) -> Outbox[vad.ListenRequest]:
        """Begin with another vad. Returns what its stream is to be given."""
        if open_.resumes or open_.dial > 1:
            open_.seq = self.verdicts.reserve()
        if open_.dial > 1:  # under this lease there has been one before, which may still speak up
            self._fence = open_.seq
            self.downlink.fence(self._fence)
            with suppress(LimitFault):  # a client that does not read is found by others
                self._tell(self.verdicts.change_vad(self._fence))
        return self.uplink.dial(open_, self.verdicts.unsettled)

    def dial_egress(self, open_: stream_pb2.StreamOpen, lead_ms: int) -> Outbox[egress.AttachRequest]:
        """Begin with another egress. Returns what its stream is to be given."""
        return self.downlink.dial(egress.AttachOpen(open=open_, lead_ms=lead_ms), self._fence)

    # From the ring.

    def from_vad(self, response: vad.ListenResponse) -> None:
        """Take a message of vad. Raises what vad tells of."""
        match response.WhichOneof("message"):
            case "ready":
                self._listen_from(response.ready)
                self._ready.add(VAD)
            case "heard":
                self.uplink.retention.heard(response.heard.mic_offset)
                self._receipts.let_go(response.heard.mic_offset)
            case "peer_lost":
                raise PeerLost(response.peer_lost.stage, response.peer_lost.detail)
            case "error":
                raise RemoteFault(response.error)
            case "end":
                _raise(ended(VAD, response.end))
            case _ if self._is_early:
                self._keep_early(partial(self.from_vad, response))
            case "interrupt":
                self.verdict(response.interrupt, LISTEN)
            case "state":
                self._someone_speaks = response.state.state != session_pb2.CONVERSATION_STATE_IDLE
                self.to_client.control(client.ConverseResponse(state=response.state))
            case "notice":
                self._notices.add(response.notice)
            case "hangup":
                log.info("session %s: the broker hangs up: %s", self.name, response.hangup.words or "it says no more")
                self.parting.hang_up(response.hangup)

    def _listen_from(self, ready: stream_pb2.StreamReady) -> None:
        keep_from = ready.keep_from if ready.HasField("keep_from") else ready.hear_from
        self._listener.begin(keep_from)
        self._receipts.let_go(keep_from)
        self.uplink.ready(ready.hear_from)

    def from_egress(self, response: egress.AttachResponse) -> None:
        """Take a message of egress. Raises what egress tells of."""
        match response.WhichOneof("message"):
            case "ready":
                self._ready.add(EGRESS)
            case "error":
                raise RemoteFault(response.error)
            case "end":
                _raise(ended(EGRESS, response.end))
            case _ if self._is_early:
                self._keep_early(partial(self.from_egress, response))
            case "audio":
                self.downlink.play(response.audio)
            case "reply_ended":
                self.downlink.end(response.reply_ended)
            case "interrupt":
                self.verdict(response.interrupt, IN_BAND, has_floor=True)
            case "caption":
                self.downlink.show(response.caption)
            case "turn_report":
                self.to_client.control(client.ConverseResponse(turn_report=response.turn_report))

    def from_topic(self, interrupt: session_pb2.Interrupt) -> None:
        """Take a cancel of the topic; one with a floor comes from the record, after a reconnection."""
        if interrupt.kind != session_pb2.Interrupt.KIND_CANCEL or 0 < interrupt.lease < self.lease:
            return
        if self._is_early:
            self._keep_early(partial(self.from_topic, interrupt))
        else:
            self.verdict(interrupt, TOPIC, has_floor=interrupt.floor > 0)

    def verdict(self, interrupt: session_pb2.Interrupt, way: str = LISTEN, *, has_floor: bool = False) -> None:
        """Take a verdict by any of its ways: on Listen, on the topic, or in band with its floor."""
        self.spans.cancelled(interrupt, way)
        self._narrator.verdict(interrupt)
        self._tell(self.verdicts.take(interrupt, playing=self.downlink.playing, has_floor=has_floor))

    def _tell(self, told: client.ConverseResponse | None) -> None:
        """Have the client do what a verdict wants."""
        match told.WhichOneof("message") if told is not None else None:
            case "flush":
                self.counters["replies_flushed"] += 1
                waiting, flush = len(self.to_client), told.flush if told else client.Flush()
                self._narrator.cleared(self.name, flush, self.downlink.playing, waiting)
                self.spans.told_flush(told.flush.seq if told else 0)
                self.uplink.answered()
                self.downlink.flush()
            case "duck" if self._echo:
                self._echo.duck(DUCK_DB)
            case "release" if self._echo:
                self._echo.release()
        if told is not None:
            self.to_client.control(told)

    @property
    def _is_early(self) -> bool:
        """Whether the client has yet to be told that the session stands; a greeting may come before vad is ready."""
        return not self.is_announced

    def _keep_early(self, act: Callable[[], None]) -> None:
        """Do it once the client has been told; of too much the oldest goes."""
        self.counters["early_dropped"] += len(self._early) == _EARLY
        self._early.append(act)

    def announce(self, opened: client.Opened) -> None:
        """Tell the client that the session stands, and if it comes back to it, what it has missed."""
        self.to_client.control(client.ConverseResponse(opened=opened))
        self.is_announced = True
        if self._comes_back:
            self._tell(self.verdicts.catch_up(self._opened.seq, self.downlink.playing))
        while self._early:
            self._early.popleft()()

    def statistics(self) -> Counter[str]:
        """Return every counter of this session."""
        total = self.counters + self.microphone.counters + self.uplink.counters + self.downlink.counters
        total["client_audio_dropped"] += self.to_client.statistics.dropped
        total["client_captions_dropped"] += self.to_client.statistics.captions_dropped
        total["mic_samples_not_retained"] += self.uplink.retention.dropped_samples
        total["mic_frames_before_opened"] += self._listener.frames_too_early
        if self._echo:
            total["echo_reference_dropped"] += self._echo.reference.dropped_samples
        return +total


def _raise(fault: ParleyError | None) -> None:
    if fault is not None:
        raise fault
