"""Thinking: one session in the broker. It feeds the conversation core and carries out what it wants done."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from parley.v1 import broker_service_pb2 as wire
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2, stream_pb2
from services.broker.actions import Action, RaiseFloor, ToModel
from services.broker.conversation import Conversation
from services.broker.realtime import RealtimeSocket
from services.common.errors import ParleyError, PeerLost, RemoteFault, StoreLost, Superseded
from services.common.outbox import Outbox
from services.common.store import Store

log = logging.getLogger("parley.broker")

_OUTBOX_MESSAGES: Final = 8_000
_NOTES: Final = 1_000
_TICK_S: Final = 0.05
_CONTROL: Final = frozenset({"interrupt"})

KEEPING_S: Final = 2.0
"""How long the last notes of a session may take: with Redis away it must still end."""


class Thinking:
    """Moves messages between vad's stream, the core, the model's socket, egress's stream and the store."""

    def __init__(self, session: str, core: Conversation, clock: Callable[[], float] = time.monotonic) -> None:
        self.session = session
        self.to_vad: Outbox[wire.RespondResponse] = Outbox(_OUTBOX_MESSAGES)
        self.to_egress: Outbox[egress.SpeakRequest] = Outbox(_OUTBOX_MESSAGES)
        self.to_model: Outbox[dict[str, Any]] = Outbox(_OUTBOX_MESSAGES)
        self.egress_ready = asyncio.Event()
        self.model_ready = asyncio.Event()
        self._core = core
        self._clock = clock
        self._notes: asyncio.Queue[session_pb2.HistoryItem | RaiseFloor | None] = asyncio.Queue(_NOTES)

    def begin(self) -> None:
        """The model is ready."""
        self.model_ready.set()
        self._carry_out(self._core.begin(self._clock()))

    def from_vad(self, request: wire.RespondRequest) -> None:
        """Take a message of the Respond stream."""
        self._carry_out(self._core.from_vad(request, self._clock()))

    def from_egress(self, response: egress.SpeakResponse) -> None:
        """Take a message of the Speak stream. Raises what egress tells of."""
        match response.WhichOneof("message"):
            case "ready":
                self.egress_ready.set()
            case "played":
                self._carry_out(self._core.from_egress(response.played, self._clock()))
            case "error":
                raise RemoteFault(response.error)
            case "end" if response.end.reason != stream_pb2.StreamEnd.REASON_DONE:
                raise PeerLost("egress", f"it ended the session: {response.end.detail}")

    def from_model(self, event: dict[str, Any]) -> None:
        """Take an event of the model's. Raises ModelFault when it refuses to go on."""
        self._carry_out(self._core.from_model(event, self._clock()))

    async def tick(self) -> None:
        """Let the core act on what it has waited for long enough, until cancelled."""
        while True:
            await asyncio.sleep(_TICK_S)
            self._carry_out(self._core.tick(self._clock()))

    async def feed_model(self, socket: RealtimeSocket) -> None:
        """The model's one writer."""
        async for event in self.to_model:
            await socket.send(event)

    async def keep_notes(self, store: Store) -> None:
        """Write history and floors, in order, until `notes_kept`.

        With Redis away they are lost to takeover, not to the conversation.
        """
        while (note := await self._notes.get()) is not None:
            await self._write(store, note)

    async def notes_kept(self, keeping: asyncio.Task[None]) -> None:
        """Let `keeping`, the task of `keep_notes`, write what is left at the end of a session, but not for ever."""
        with suppress(TimeoutError):
            async with asyncio.timeout(KEEPING_S):
                await self._notes.put(None)
                await keeping
                return
        log.warning("session %s: Redis did not take the last of its history in %g s", self.session, KEEPING_S)

    async def _write(self, store: Store, note: session_pb2.HistoryItem | RaiseFloor) -> None:
        try:
            if isinstance(note, RaiseFloor):
                await store.raise_floor(self.session, note.seq, note.floor)
            else:
                await store.append_history(self.session, note)
        except StoreLost as error:
            log.warning("session %s: %s", self.session, error.message)

    def close(self, fault: ParleyError | None) -> None:
        """Put the last message into every outbox; again it does nothing."""
        if self.to_vad.is_closed:
            return
        self._carry_out(self._core.close(self._clock()))
        end = stream_pb2.StreamEnd(reason=_reason(fault), detail=fault.message if fault else "")
        if fault is not None:
            self.to_vad.control(wire.RespondResponse(error=fault.to_wire()))
        self.to_vad.close(wire.RespondResponse(end=end))
        self.to_egress.close(egress.SpeakRequest(end=end))
        self.to_model.close()

    def _carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case ToModel(event):
                    self.to_model.audio(event)
                case egress.SpeakRequest() if action.WhichOneof("message") in _CONTROL:
                    self.to_egress.control(action)
                case egress.SpeakRequest():
                    self.to_egress.audio(action)
                case wire.RespondResponse():
                    self.to_vad.control(action)
                case session_pb2.HistoryItem():
                    action.at_ms = int(time.time() * 1000)
                    self._note(action)
                case RaiseFloor():
                    self._note(action)

    def _note(self, note: session_pb2.HistoryItem | RaiseFloor) -> None:
        try:
            self._notes.put_nowait(note)
        except asyncio.QueueFull:
            log.warning("session %s: Redis is so slow that history is lost", self.session)


def _reason(fault: ParleyError | None) -> stream_pb2.StreamEnd.Reason.ValueType:
    if fault is None:
        return stream_pb2.StreamEnd.REASON_DONE
    superseded = isinstance(fault, Superseded)
    return stream_pb2.StreamEnd.REASON_SUPERSEDED if superseded else stream_pb2.StreamEnd.REASON_FAILED
