"""Dispatch: where the core's events go: to ingress, to the broker, over the topic, or to the end-of-turn model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeAlias

from parley.v1 import audio_pb2 as audio
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2
from parley.v1 import vad_service_pb2 as wire
from services.common.errors import ParleyError
from services.common.outbox import Outbox
from services.vad.events import Event, Judge
from services.vad.hearing import Ear
from services.vad.hindsight import Hindsight
from services.vad.intake import Intake
from services.vad.judge import Judge as TurnJudge
from services.vad.spans import Spans
from services.vad.turn_taking import TurnTaking
from services.vad.upstream import Upstream
from services.vad.voice import SAMPLE_RATE_HZ

_OUTBOX_MESSAGES: Final = 2_000
_RECEIVED_SAMPLES: Final = SAMPLE_RATE_HZ

ToBroker: TypeAlias = (
    broker.SpeechStarted
    | broker.TurnAudio
    | broker.TurnEnded
    | broker.TurnConfirmed
    | broker.TurnResumed
    | broker.SpeechDismissed
    | broker.Typed
    | session_pb2.Announcement
)


class Dispatch:
    """One session's. What concerns sound that has gone by is told only if it still matters."""

    def __init__(
        self,
        core: TurnTaking,
        ear: Ear,
        intake: Intake,
        judge: TurnJudge,
        publish: Callable[[session_pb2.Interrupt], None],
        group: asyncio.TaskGroup,
        fail: Callable[[ParleyError], None],
        spans: Spans,
    ) -> None:
        self.to_ingress = Upstream()
        self.to_broker: Outbox[broker.RespondRequest] = Outbox(_OUTBOX_MESSAGES)
        self._core = core
        self._ear = ear
        self._intake = intake
        self._judge = judge
        self._publish = publish
        self._group = group
        self._fail = fail
        self._spans = spans
        self._hindsight = Hindsight(lambda question: self._core.wants(question))
        self._told_received = 0
        self.kept_since = 0
        """What was heard before this need not be kept any more."""
        self.on_event: Callable[[Event], None] = lambda event: None
        """Shown each event on its way out."""

    def carry(self, events: list[Event]) -> None:
        """Send events their ways."""
        if not events and not self._hindsight.keeps:
            return
        for event in self._hindsight.sift(events, is_past=self._intake.is_past):
            self._spans.stamp(event, self._core.end_rests_on)
            match event:
                case session_pb2.Interrupt():
                    self._carry_verdict(event)
                case Judge():
                    self._group.create_task(self._ask(event))
                case client.State():
                    self.to_ingress.tell(wire.ListenResponse(state=event))
                case audio.Heard():
                    self.kept_since = event.mic_offset
                    self._acknowledge(event)
                case _:
                    self.to_broker.audio(_errand(event))
            self.on_event(event)

    def note_received(self) -> None:
        """Once a second of sound, let ingress know how far it has come, whatever must still be kept."""
        if self._intake.received - self._told_received >= _RECEIVED_SAMPLES:
            self._acknowledge(audio.Heard())

    def _acknowledge(self, heard: audio.Heard) -> None:
        heard.received_offset = self._told_received = self._intake.received
        self.to_ingress.tell(wire.ListenResponse(heard=heard))

    def _carry_verdict(self, interrupt: session_pb2.Interrupt) -> None:
        """Send a verdict its ways: back to ingress first, then the topic, then in band behind the turns before it."""
        self.to_ingress.tell(wire.ListenResponse(interrupt=interrupt))
        if interrupt.kind == session_pb2.Interrupt.KIND_CANCEL:
            self._publish(interrupt)
            self.to_broker.audio(broker.RespondRequest(interrupt=interrupt))

    async def _ask(self, question: Judge) -> None:
        complete = await self._judge.judge(question.pcm, lambda: self._core.wants(question))
        try:
            self._ear.flush()
            self.carry(self._core.judged(question.turn, question.pause, complete))
        except ParleyError as error:  # a peer that does not read
            self._fail(error)


def _errand(event: ToBroker) -> broker.RespondRequest:
    """Return the message that carries an event."""
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
