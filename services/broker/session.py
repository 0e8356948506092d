"""Thinking: one session in the broker. It feeds the conversation core and carries out what it wants done."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2, stream_pb2
from services.broker.account import Unmetered
from services.broker.actions import Action, CallTool, RaiseFloor, Spent, ToModel
from services.broker.conversation import Conversation
from services.broker.meter import GIVEN_UP, RECONNECTED, REPLACED
from services.broker.money import amount, in_words
from services.broker.notes import Notes
from services.broker.realtime import RealtimeSocket
from services.broker.report import MOST_CHARS
from services.broker.tools.call import ToolRequest
from services.broker.tools.executor import Executor
from services.common.errors import ParleyError, PeerLost, RemoteFault, Superseded
from services.common.outbox import Outbox

log = logging.getLogger("parley.broker")

_OUTBOX_MESSAGES: Final = 8_000
_TOOL_CALLS: Final = 64
_HISTORY_ITEMS: Final = 10_000
_TICK_S: Final = 0.05
_CONTROL: Final = frozenset({"interrupt"})


class Thinking:
    """Moves messages between vad's stream, the core, the model's socket, egress's stream, tools and notes."""

    def __init__(
        self,
        session: str,
        core: Conversation,
        clock: Callable[[], float] = time.monotonic,
        account: Unmetered | None = None,
    ) -> None:
        self.session = session
        self.began_at_ms = int(time.time() * 1000)
        self.to_vad: Outbox[broker.RespondResponse] = Outbox(_OUTBOX_MESSAGES)
        self.to_egress: Outbox[egress.SpeakRequest] = Outbox(_OUTBOX_MESSAGES)
        self.to_model: Outbox[dict[str, Any]] = Outbox(_OUTBOX_MESSAGES)
        self.egress_ready = asyncio.Event()
        self.model_ready = asyncio.Event()
        self.notes = Notes(session)
        self.history: deque[session_pb2.HistoryItem] = deque(maxlen=_HISTORY_ITEMS)
        """What was said, heard and done so far, for the report; tools' answers are cut short."""
        self.core = core
        self._clock = clock
        self._account = account or Unmetered()
        self._is_reconnecting = False
        self._tool_calls: asyncio.Queue[CallTool] = asyncio.Queue(_TOOL_CALLS)

    # The model.

    def begin(self) -> None:
        """The model is ready."""
        self.model_ready.set()
        self._carry_out(self.core.begin(self._clock()))

    def from_model(self, event: dict[str, Any]) -> None:
        """Take an event of the model's. Raises ModelFault when it refuses to go on."""
        self._account.take_event(event)
        self._carry_out(self.core.from_model(event, self._clock()))

    def lose_model(self) -> None:
        """The connection to the model has gone; what waited for it is void."""
        self._carry_out(self.core.lose_model(self._clock()))
        self.to_model.clear_audio()

    def reconnecting(self) -> None:
        """Let the person know that it is being made again."""
        self._is_reconnecting = True
        self._carry_out(self.core.reconnecting())

    def rebuild(self) -> None:
        """There is a new one."""
        self._account.reconnected(RECONNECTED if self._is_reconnecting else REPLACED)
        self._is_reconnecting = False
        self._carry_out(self.core.rebuild(self._clock()))

    def give_up(self, why: str) -> None:
        """There will be no new one."""
        self._account.reconnected(GIVEN_UP)
        self._carry_out(self.core.give_up(why))

    async def feed_model(self, socket: RealtimeSocket) -> None:
        """The model's one writer."""
        async for event in self.to_model:
            await socket.send(event)

    # The ring.

    def from_vad(self, request: broker.RespondRequest) -> None:
        """Take a message of the Respond stream."""
        self._account.hear(request, self._clock())
        self._carry_out(self.core.from_vad(request, self._clock()))

    def live_words(self, words: str) -> None:
        """Take the next words of a recogniser that writes while the person speaks."""
        self._carry_out(self.core.live_words(words))

    def from_egress(self, response: egress.SpeakResponse) -> None:
        """Take a message of the Speak stream. Raises what egress tells of."""
        match response.WhichOneof("message"):
            case "ready":
                self.egress_ready.set()
            case "played":
                self._carry_out(self.core.from_egress(response.played, self._clock()))
            case "error":
                raise RemoteFault(response.error)
            case "end" if response.end.reason != stream_pb2.StreamEnd.REASON_DONE:
                raise PeerLost("egress", f"it ended the session: {response.end.detail}")

    # Tools.

    async def run_tools(self, executor: Executor, agent: str) -> None:
        """Carry out the model's tool calls, side by side, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                call = await self._tool_calls.get()
                group.create_task(self._call(executor, agent, call))

    async def _call(self, executor: Executor, agent: str, call: CallTool) -> None:
        request = ToolRequest(call.call_id, call.name, call.arguments, self.session, call.turn, agent)
        asked_s = self._clock()
        outcome = await executor.call(request)
        self._account.tool_done(request, outcome.status, self._clock() - asked_s, self._clock())
        try:
            self._carry_out(self.core.tool_done(call.call_id, outcome.output, outcome.status, self._clock()))
        except ParleyError as error:  # a peer that does not read
            self.close(error)

    # Time, and the end.

    async def tick(self) -> None:
        """Let the core act on what it has waited for long enough, until cancelled."""
        while True:
            await asyncio.sleep(_TICK_S)
            self._account.tick(self._clock())
            self._carry_out(self.core.tick(self._clock()))

    def close(self, fault: ParleyError | None) -> None:
        """Put the last message into every outbox; again it does nothing."""
        if self.to_vad.is_closed:
            return
        self._account.ended(fault)
        self._carry_out(self.core.close(self._clock()))
        end = stream_pb2.StreamEnd(reason=_reason(fault), detail=fault.message if fault else "")
        if fault is not None:
            self.to_vad.control(broker.RespondResponse(error=fault.to_wire()))
        self.to_vad.close(broker.RespondResponse(end=end))
        self.to_egress.close(egress.SpeakRequest(end=end))
        self.to_model.close()

    def _carry_out(self, actions: list[Action]) -> None:
        now_s = self._clock()
        for action in actions:
            self._account.see(action, now_s)
            match action:
                case ToModel(event):
                    self.to_model.audio(event)
                case egress.SpeakRequest() if action.WhichOneof("message") in _CONTROL:
                    self.to_egress.control(action)
                case egress.SpeakRequest():
                    self.to_egress.audio(action)
                case broker.RespondResponse():
                    self.to_vad.control(action)
                case session_pb2.HistoryItem():
                    action.at_ms = int(time.time() * 1000)
                    self.history.append(_short(action))
                    self.notes.add(action)
                case RaiseFloor():
                    self.notes.add(action)
                case CallTool():
                    self._begin_call(action)
                case Spent():
                    self._note_spent(action)

    def _begin_call(self, call: CallTool) -> None:
        try:
            self._tool_calls.put_nowait(call)
        except asyncio.QueueFull:
            log.warning("session %s: the model calls more than %d tools at once", self.session, _TOOL_CALLS)
            words, status = "Failed: too many calls at once.", session_pb2.ToolCall.STATUS_FAILED
            self._carry_out(self.core.tool_done(call.call_id, words, status, self._clock()))

    def _note_spent(self, spent: Spent) -> None:
        self.notes.add(spent.total)
        cost, total = amount(spent.usage.cost_micros), amount(spent.total.cost_micros)
        log.info(
            "session %s: turn %d used %s; cost %s, session %s",
            *(self.session, spent.turn, in_words(spent.usage), cost, total),
        )


def _short(item: session_pb2.HistoryItem) -> session_pb2.HistoryItem:
    if len(item.tool.output) <= MOST_CHARS:
        return item
    short = session_pb2.HistoryItem()
    short.CopyFrom(item)
    short.tool.output = item.tool.output[:MOST_CHARS]
    return short


def _reason(fault: ParleyError | None) -> stream_pb2.StreamEnd.Reason.ValueType:
    if fault is None:
        return stream_pb2.StreamEnd.REASON_DONE
    superseded = isinstance(fault, Superseded)
    return stream_pb2.StreamEnd.REASON_SUPERSEDED if superseded else stream_pb2.StreamEnd.REASON_FAILED
