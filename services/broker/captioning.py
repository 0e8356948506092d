"""Captioning: a transcription session beside the model's, which writes down what the person says while they say it.

In manual turn mode a model transcribes only what is committed. Here the same sound goes to a second session that does
nothing else: OpenAI's, or our engine's. It is a convenience: without it everything goes on, and the captions come when
the turn is over.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import Any, Final

from parley.v1 import broker_service_pb2 as broker
from services.broker.actions import Actions, ToModel
from services.broker.event import Event, text
from services.broker.input_buffer import InputBuffer
from services.broker.model_settings import ModelSettings
from services.broker.realtime import RealtimeSocket, model_session
from services.broker.session import Thinking
from services.common.errors import ModelFault
from services.common.outbox import Outbox
from services.common.outcome import until_fault

log = logging.getLogger("parley.broker")

DELTA: Final = "conversation.item.input_audio_transcription.delta"

WAITING: Final = 600
"""Pieces of sound that may wait for the session, a minute's; then the oldest go, counted by the outbox."""

PAUSES_S: Final = (1.0, 5.0, 30.0)
"""Before each new try; the last one for ever."""

STEADY_S: Final = 30.0
"""After a session that has lasted so long the pauses are short again."""


class Dictation:
    """The sound of turns as a transcription session takes it; no I/O."""

    def __init__(self, hz: int) -> None:
        self._actions = Actions()
        self._buffer = InputBuffer(self._actions, hz)

    def take(self, request: broker.RespondRequest) -> list[dict[str, Any]]:
        """Take a message of vad's; return the events to send."""
        match request.WhichOneof("message"):
            case "audio" if request.audio.turn:
                self._buffer.append(request.audio.pcm)
            case "turn_ended" if not request.turn_ended.tentative:
                self._commit()
            case "turn_confirmed":
                self._commit()
            case "speech_dismissed":
                self._buffer.clear()
        return [action.event for action in self._actions.taken() if isinstance(action, ToModel)]

    def _commit(self) -> None:
        if not self._buffer.is_empty:  # of silence alone a transcriber makes words up
            self._buffer.commit()

    def forget(self) -> list[dict[str, Any]]:
        """What was heard of a turn that is not over will be heard again; return the events to send."""
        self._buffer.clear()
        return [action.event for action in self._actions.taken() if isinstance(action, ToModel)]

    def lose(self) -> None:
        """The session is a new one."""
        self._buffer.lose()


class Captioning:
    """One conversation's."""

    def __init__(self, thinking: Thinking, settings: ModelSettings) -> None:
        self._thinking = thinking
        self._settings = settings
        self._dictation = Dictation(settings.server.capabilities.input_hz)
        self._outbox: Outbox[dict[str, Any]] = Outbox(WAITING, drop_oldest=True)
        self._is_there = False

    def from_vad(self, request: broker.RespondRequest) -> None:
        """Take a message of the Respond stream, for the conversation and for itself."""
        self._thinking.from_vad(request)
        if self._is_there:
            for event in self._dictation.take(request):
                self._outbox.audio(event)

    def lose_vad(self) -> None:
        """Vad is gone or another one: what it has not said to be a turn is no turn."""
        if self._is_there:
            for event in self._dictation.forget():
                self._outbox.audio(event)

    async def run(self) -> None:
        """Keep the session up until cancelled; what it can't have it does without."""
        tries, clock = 0, asyncio.get_running_loop().time
        while True:
            since_s = math.inf
            try:
                async with model_session(self._settings) as socket:
                    since_s = clock()
                    await self._serve(socket)
            except ModelFault as fault:
                log.warning("session %s: no live captions: %s", self._thinking.session, fault.detail)
                if not fault.retryable:
                    await asyncio.Event().wait()
            finally:
                self._is_there = False
            tries = 0 if clock() - since_s >= STEADY_S else tries
            await asyncio.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
            tries += 1

    async def _serve(self, socket: RealtimeSocket) -> None:
        """Raises ModelFault in the end."""
        self._dictation.lose()
        self._outbox.clear_audio()
        self._is_there = True
        fault = await until_fault(socket.run(self._take), self._feed(socket))
        if fault is not None:
            raise fault

    async def _feed(self, socket: RealtimeSocket) -> None:
        async for event in self._outbox:
            await socket.send(event)

    def _take(self, event: Event) -> None:
        if text(event, "type") == DELTA:
            self._thinking.live_words(text(event, "delta"))
