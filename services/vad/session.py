"""Listening: one session in vad. It feeds the decision core and carries its decisions; nothing here waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2, stream_pb2
from parley.v1 import vad_service_pb2 as wire
from services.common.audio import pcm_samples
from services.common.errors import LimitFault, ParleyError, PeerLost, ProtocolFault
from services.common.outbox import Outbox
from services.common.recent import Recent
from services.vad.backlog import Soon, next_turn
from services.vad.beginning import Beginning
from services.vad.dispatch import Dispatch
from services.vad.events import Event
from services.vad.hearing import Ear
from services.vad.intake import Intake
from services.vad.judge import Judge as TurnJudge
from services.vad.parting import fault_of, fault_of_end, parting
from services.vad.spans import Spans
from services.vad.turn_taking import TurnTaking

MAX_TEXT: Final = 4_000


class Listening:
    """Moves messages between the microphone's stream, the decision core and the broker's stream.

    One that `resumes` a session learns from the broker where to begin, and takes nothing of ingress before.
    """

    def __init__(
        self,
        core: TurnTaking,
        ear: Ear,
        judge: TurnJudge,
        publish: Callable[[session_pb2.Interrupt], None],
        group: asyncio.TaskGroup,
        *,
        resumes: bool = False,
        seq: int = 0,
        clock: Callable[[], float] = time.monotonic,
        soon: Soon = next_turn,
        spans: Spans | None = None,
    ) -> None:
        self.intake = Intake(self._take, lambda offset: core.hear_from(offset), self.close, clock, soon)
        self.is_ready = False
        self._core = core
        self._ear = ear
        self._spans = spans or Spans()
        self._dispatch = Dispatch(core, ear, self.intake, judge, publish, group, self.close, self._spans)
        self._upstream = self._dispatch.to_ingress
        self._resumes = resumes
        self._seq = seq
        self._names = Recent()
        self._unsettled: session_pb2.Interrupt | None = None
        self._muted = False
        ear.give_to(self._give, self.close)
        if resumes:
            self.intake.await_start()

    def watch(self, on_event: Callable[[Event], None]) -> None:
        """Have each event of the core's shown to somebody, on its way out."""
        self._dispatch.on_event = on_event

    @property
    def to_ingress(self) -> Outbox[wire.ListenResponse]:
        """What is sent on the present Listen stream."""
        return self._upstream.outbox

    @property
    def to_broker(self) -> Outbox[broker.RespondRequest]:
        """What is sent on the Respond stream."""
        return self._dispatch.to_broker

    @property
    def is_over(self) -> bool:
        """Its last message to the broker is given."""
        return self.to_broker.is_closed

    # From ingress.

    def from_ingress(self, request: wire.ListenRequest) -> None:
        """Take a message of the Listen stream. Raises ProtocolFault for a bad one."""
        match request.WhichOneof("message"):
            case "reroute":
                self.to_broker.control(broker.RespondRequest(reroute=request.reroute))
            case "unsettled":
                self._unsettled = request.unsettled
                self._settle_cancel()
            case "end":
                self._take_end(request.end)
            case kind:
                if kind == "audio":
                    self._spans.hear(request.audio.mic_offset + pcm_samples(request.audio.pcm))
                self.intake.put(request)
                self._dispatch.note_received()

    def _take(self, request: wire.ListenRequest) -> None:
        """Take what has its place among the sound, in that place."""
        kind = request.WhichOneof("message")
        if kind == "audio":
            self._hear(request.audio)
            return
        self._ear.flush()  # nothing overtakes the audio before it
        match kind:
            case "gap":
                self._dispatch.carry(self._core.gap(request.gap))
            case "interrupt":
                self._dispatch.carry(self._core.interrupt())
            case "operator_interrupt":
                self._dispatch.carry(self._core.operator_interrupt())
            case "announcement":
                if self._names.is_news(f"announcement {request.announcement.id}"):
                    self._dispatch.carry(self._core.announce(request.announcement))
            case "mute":
                self._muted = request.mute.muted
                self._dispatch.carry(self._core.mute(request.mute.muted))
            case "push_to_talk":
                self._dispatch.carry(self._core.push_to_talk(request.push_to_talk.pressed))
            case "say":
                self._say(request.say)

    def _say(self, say: client.Say) -> None:
        if not 0 < len(say.text.strip()) <= MAX_TEXT:
            raise ProtocolFault(f"say takes 1 to {MAX_TEXT} characters of text.")
        if self._names.is_news(f"typed {say.id}" if say.id else ""):
            self._dispatch.carry(self._core.say(say.text.strip(), say.id))

    def _take_end(self, end: stream_pb2.StreamEnd) -> None:
        """The conversation is over, or this ingress is no longer its own and leaves it to another."""
        if end.reason in (stream_pb2.StreamEnd.REASON_DONE, stream_pb2.StreamEnd.REASON_FAILED):
            self._end(stream_pb2.StreamEnd(reason=stream_pb2.StreamEnd.REASON_DONE), end)

    # From the broker.

    def from_broker(self, response: broker.RespondResponse) -> None:
        """Take a message of the Respond stream. Raises what the broker tells of."""
        self._ear.flush()
        match response.WhichOneof("message"):
            case "ready":
                self._ready(response.ready)
            case "answered":
                self._dispatch.carry(self._core.answered(response.answered.turn))
            case "progress":
                self._spans.progress(response.progress)
                self._dispatch.carry(self._core.progress(response.progress))
            case "asked":
                self._dispatch.carry(self._core.asked(response.asked.is_question))
            case "transcript":
                self._dispatch.carry(self._core.transcript(response.transcript.turn, response.transcript.text))
            case "model_boundary":
                self._dispatch.carry(self._core.model_boundary(response.model_boundary))
            case "hangup":
                self._upstream.tell(wire.ListenResponse(hangup=response.hangup))
            case "notice":
                self._upstream.tell(wire.ListenResponse(notice=response.notice))
            case "peer_lost" if response.peer_lost.stage == "egress":  # ingress finds another, and we go on
                self._upstream.tell(wire.ListenResponse(peer_lost=response.peer_lost))
            case "peer_lost":
                raise PeerLost(response.peer_lost.stage, response.peer_lost.detail)
            case "error":
                raise fault_of(response.error)
            case "end" if (fault := fault_of_end(response.end)) is not None:
                raise fault

    def _ready(self, ready: stream_pb2.StreamReady) -> None:
        """The ring stands. What the model wants to hear concerns nobody before us."""
        if self._resumes:
            self._spans.go_on(ready.past)
            past = Beginning.after(ready, self._seq)
            self._core.go_on(past)
            self.intake.start(past.hear_from, past.needless_silence)
            self._dispatch.kept_since = past.hear_from
        if ready.hearing == stream_pb2.StreamReady.HEARING_CONTINUOUS:
            self._dispatch.carry(self._core.hear_all())
        self.is_ready = True
        self._settle_cancel()
        self._announce()
        self.intake.release()

    def _settle_cancel(self) -> None:
        """Pass on the cancel whose floor never came, before anything that comes of what is heard."""
        if self.is_ready and self._unsettled is not None:
            self._core.adopted(0, self._unsettled.seq)
            self.to_broker.audio(broker.RespondRequest(interrupt=self._unsettled))
            self._unsettled = None

    def _announce(self) -> None:
        """Tell ingress that all is ready, from where on it is to send, and what it is to keep beyond that."""
        ready = stream_pb2.StreamReady(hear_from=self.intake.received)
        if self._dispatch.kept_since < ready.hear_from:
            ready.keep_from = self._dispatch.kept_since
        self._upstream.tell(wire.ListenResponse(ready=ready))
        self._upstream.catch_up()

    # Takeover and the end.

    def leave(self, reason: stream_pb2.StreamEnd.Reason.ValueType = stream_pb2.StreamEnd.REASON_UNSPECIFIED) -> None:
        """End the present Listen stream, or take note that it has broken; the session goes on."""
        self._upstream.leave(reason)

    def adopt(self, opened: stream_pb2.StreamOpen) -> None:
        """Go on for another ingress, on a stream of its own. The broker learns whose the session is now."""
        self.leave(stream_pb2.StreamEnd.REASON_SUPERSEDED)
        self._upstream.join()
        self._core.adopted(opened.lease, opened.seq)
        self.to_broker.control(broker.RespondRequest(open=opened))
        if self.is_ready:
            self._announce()
            self._upstream.tell(wire.ListenResponse(state=self._core.state))

    def close(self, fault: ParleyError | None) -> None:
        """Put the last message into both outboxes; again it does nothing."""
        last = parting(fault)
        if fault is not None and not self.is_over:
            self._spans.failed(fault)
        if last.first is not None and not self.is_over:
            with suppress(LimitFault):  # ingress does not read: it will find out
                self._upstream.tell(last.first)
        words = fault.message if fault else ""
        self._end(
            stream_pb2.StreamEnd(reason=last.to_ingress, detail=words),
            stream_pb2.StreamEnd(reason=last.to_broker, detail=words),
        )

    def _end(self, to_ingress: stream_pb2.StreamEnd, to_broker: stream_pb2.StreamEnd) -> None:
        self._ear.close()
        self.intake.close()
        self.to_ingress.close(wire.ListenResponse(end=to_ingress))
        self.to_broker.close(broker.RespondRequest(end=to_broker))

    # The core.

    def _hear(self, frame: audio.AudioFrame) -> None:
        if self._muted:  # the core takes it for silence, so it must not be judged as it is
            self._give(frame)
        else:
            self._ear.hear(frame)

    def _give(self, frame: audio.AudioFrame) -> None:
        self._dispatch.carry(self._core.feed(frame))
