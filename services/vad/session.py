"""Listening: one session in vad. It feeds the decision core and carries its decisions; nothing here waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2, stream_pb2
from parley.v1 import vad_service_pb2 as wire
from services.common.errors import ParleyError, PeerLost, ProtocolFault, RemoteFault
from services.common.outbox import Outbox
from services.vad.events import Event, Judge
from services.vad.explanation import in_words
from services.vad.hearing import Ear
from services.vad.judge import Judge as TurnJudge
from services.vad.turn_taking import TurnTaking

log = logging.getLogger("parley.vad")

_OUTBOX_MESSAGES: Final = 2_000
MAX_TEXT: Final = 4_000


class Listening:
    """Moves messages between the microphone's stream, the decision core and the broker's stream."""

    def __init__(
        self,
        core: TurnTaking,
        ear: Ear,
        judge: TurnJudge,
        publish: Callable[[session_pb2.Interrupt], None],
        group: asyncio.TaskGroup,
    ) -> None:
        self.to_ingress: Outbox[wire.ListenResponse] = Outbox(_OUTBOX_MESSAGES)
        self.to_broker: Outbox[broker.RespondRequest] = Outbox(_OUTBOX_MESSAGES)
        self._core = core
        self._ear = ear
        self._muted = False
        self._judge = judge
        self._publish = publish
        self._group = group
        ear.give_to(self._take, self.close)

    def from_ingress(self, request: wire.ListenRequest) -> None:
        """Take a message of the Listen stream. Raises ProtocolFault for a bad one."""
        kind = request.WhichOneof("message")
        if kind == "audio":
            self._hear(request.audio)
            return
        self._ear.flush()  # nothing overtakes the audio before it
        match kind:
            case "gap":
                self._carry(self._core.gap(request.gap))
            case "interrupt":
                self._carry(self._core.interrupt())
            case "operator_interrupt":
                self._carry(self._core.operator_interrupt())
            case "announcement":
                self._carry(self._core.announce(request.announcement))
            case "mute":
                self._muted = request.mute.muted
                self._carry(self._core.mute(request.mute.muted))
            case "push_to_talk":
                self._carry(self._core.push_to_talk(request.push_to_talk.pressed))
            case "say":
                if not 0 < len(request.say.text.strip()) <= MAX_TEXT:
                    raise ProtocolFault(f"say takes 1 to {MAX_TEXT} characters of text.")
                self._carry(self._core.say(request.say.text.strip()))

    def from_broker(self, response: broker.RespondResponse) -> None:
        """Take a message of the Respond stream. Raises what the broker tells of."""
        self._ear.flush()
        match response.WhichOneof("message"):
            case "ready":
                self._ready(response.ready)
            case "answered":
                self._carry(self._core.answered(response.answered.turn))
            case "progress":
                self._carry(self._core.progress(response.progress))
            case "asked":
                self._carry(self._core.asked(response.asked.is_question))
            case "transcript":
                self._carry(self._core.transcript(response.transcript.turn, response.transcript.text))
            case "model_boundary":
                self._carry(self._core.model_boundary(response.model_boundary))
            case "hangup":
                self.to_ingress.control(wire.ListenResponse(hangup=response.hangup))
            case "notice":
                self.to_ingress.control(wire.ListenResponse(notice=response.notice))
            case "peer_lost":
                raise PeerLost(response.peer_lost.stage, response.peer_lost.detail)
            case "error":
                raise RemoteFault(response.error)
            case "end" if response.end.reason != stream_pb2.StreamEnd.REASON_DONE:
                raise PeerLost("broker", f"it ended the session: {response.end.detail}")

    def close(self, fault: ParleyError | None) -> None:
        """Put the last message into both outboxes."""
        self._ear.close()
        reason = stream_pb2.StreamEnd.REASON_FAILED if fault else stream_pb2.StreamEnd.REASON_DONE
        end = stream_pb2.StreamEnd(reason=reason, detail=fault.message if fault else "")
        if fault is not None:
            self.to_ingress.control(wire.ListenResponse(error=fault.to_wire()))
        self.to_ingress.close(wire.ListenResponse(end=end))
        self.to_broker.close(broker.RespondRequest(end=end))

    def _ready(self, ready: stream_pb2.StreamReady) -> None:
        """The ring stands. What the model wants to hear concerns nobody before us."""
        if ready.hearing == stream_pb2.StreamReady.HEARING_CONTINUOUS:
            self._carry(self._core.hear_all())
        self.to_ingress.control(wire.ListenResponse(ready=stream_pb2.StreamReady()))

    def _hear(self, frame: audio.AudioFrame) -> None:
        if len(frame.pcm) % 2:
            raise ProtocolFault("a frame of audio holds half a sample")
        if self._muted:  # the core takes it for silence, so it must not be judged as it is
            self._take(frame)
        else:
            self._ear.hear(frame)

    def _take(self, frame: audio.AudioFrame) -> None:
        self._carry(self._core.feed(frame))

    def _carry(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case session_pb2.Interrupt():
                    self._carry_verdict(event)
                case Judge():
                    self._group.create_task(self._ask(event))
                case client.State():
                    self.to_ingress.control(wire.ListenResponse(state=event))
                case audio.Heard():
                    self.to_ingress.control(wire.ListenResponse(heard=event))
                case _:
                    self.to_broker.audio(_to_broker(event))

    def _carry_verdict(self, interrupt: session_pb2.Interrupt) -> None:
        """Send a verdict its ways: back to ingress first, then the topic, then in band behind the turns before it."""
        log.info("session %s: %s", interrupt.session, in_words(interrupt))
        self.to_ingress.control(wire.ListenResponse(interrupt=interrupt))
        if interrupt.kind == session_pb2.Interrupt.KIND_CANCEL:
            self._publish(interrupt)
            self.to_broker.audio(broker.RespondRequest(interrupt=interrupt))

    async def _ask(self, question: Judge) -> None:
        complete = await self._judge.judge(question.pcm, lambda: self._core.wants(question))
        try:
            self._ear.flush()
            self._carry(self._core.judged(question.turn, question.pause, complete))
        except ParleyError as error:  # a peer that does not read
            self.close(error)


def _to_broker(
    event: broker.SpeechStarted
    | broker.TurnAudio
    | broker.TurnEnded
    | broker.TurnConfirmed
    | broker.TurnResumed
    | broker.SpeechDismissed
    | broker.Typed
    | session_pb2.Announcement,
) -> broker.RespondRequest:
    match event:
        case broker.SpeechStarted():
            return broker.RespondRequest(speech_started=event)
        case broker.TurnAudio():
            return broker.RespondRequest(audio=event)
        case broker.TurnEnded():
            return broker.RespondRequest(turn_ended=event)
        case broker.TurnConfirmed():
            return broker.RespondRequest(turn_confirmed=event)
        case broker.TurnResumed():
            return broker.RespondRequest(turn_resumed=event)
        case broker.SpeechDismissed():
            return broker.RespondRequest(speech_dismissed=event)
        case broker.Typed():
            return broker.RespondRequest(typed=event)
        case session_pb2.Announcement():
            return broker.RespondRequest(announcement=event)
