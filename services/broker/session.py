"""Thinking: one session in the broker. It feeds the conversation core and carries out what it wants done.

Vad's and egress's streams may be replaced under it, by those of a vad or an egress that takes over (`stay.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2, stream_pb2
from services.broker.account import Unmetered
from services.broker.actions import Action, CallTool, Mark, RaiseFloor, Spent, ToModel
from services.broker.conversation import Conversation
from services.broker.errands import Errands
from services.broker.meter import GIVEN_UP, RECONNECTED, REPLACED
from services.broker.mouth import Mouth
from services.broker.notes import Notes
from services.broker.parting import goes_on_elsewhere, last_word
from services.broker.realtime import RealtimeSocket
from services.broker.spans import Spans
from services.broker.story import Story
from services.common.errors import ParleyError, RemoteFault
from services.common.outbox import Outbox

_OUTBOX_MESSAGES: Final = 8_000
_TICK_S: Final = 0.05


class Thinking:
    """Moves messages between vad's stream, the core, the model's socket, egress's stream, tools and notes."""

    def __init__(
        self,
        session: str,
        core: Conversation,
        clock: Callable[[], float] = time.monotonic,
        account: Unmetered | None = None,
        notes: Notes | None = None,
        spans: Spans | None = None,
        *,
        is_known: bool = True,
        hearing: stream_pb2.StreamReady.Hearing.ValueType = stream_pb2.StreamReady.HEARING_SPEECH,
    ) -> None:
        """`is_known` False: another broker has led it so far, and the core knows nothing of it until `restore`."""
        self.session = session
        self.to_vad: Outbox[broker.RespondResponse] = Outbox(_OUTBOX_MESSAGES)
        self.to_model: Outbox[dict[str, Any]] = Outbox(_OUTBOX_MESSAGES)
        self.mouth = Mouth(gives=is_known)
        self.model_ready = asyncio.Event()
        self.closed = asyncio.Event()
        self.fault: ParleyError | None = None
        """What has closed it; None: it is over, or goes on."""
        self.notes = notes or Notes(session, give_up=self.close)
        self.story = Story()
        self.core = core
        self.is_taken_over = not is_known
        """Another broker has led it before."""
        self.known = asyncio.Event()
        """Set as soon as the core knows what the session is about."""
        if is_known:
            self.known.set()
        self.is_still = False
        """From now on nothing is done any more: another broker is to go on from here."""
        self._hearing = hearing
        self._clock = clock
        self._account = account or Unmetered()
        self._spans = spans or Spans(stream_pb2.StreamOpen(session=session))
        self.errands = Errands(session, self._account, clock, self._tool_done)
        self._is_reconnecting = False

    @property
    def is_known(self) -> bool:
        """True when the core knows what the session is about."""
        return self.known.is_set()

    # The model.

    def begin(self) -> None:
        """The model is ready."""
        self.model_ready.set()
        self._carry_out(self.core.begin(self._clock()))

    def from_model(self, event: dict[str, Any]) -> None:
        """Take an event of the model's. Raises ModelFault when it refuses to go on."""
        self._account.take_event(event)
        self._spans.take_event(event)
        self._carry_out(self.core.from_model(event, self._clock()))

    def lose_model(self) -> None:
        """The connection to the model has gone; what waited for it is void."""
        self._spans.lose_model()
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

    # Vad.

    def from_vad(self, request: broker.RespondRequest) -> None:
        """Take a message of the Respond stream."""
        self._account.hear(request, self._clock())
        self._spans.hear(request)
        self._carry_out(self.core.from_vad(request, self._clock()))

    def live_words(self, words: str) -> None:
        """Take the next words of a recogniser that writes while the person speaks."""
        self._carry_out(self.core.live_words(words))

    def ready(self, *, is_told_past: bool) -> None:
        """Let vad know that the session stands here; one that begins in the middle of it, also how far it is."""
        past = self._spans.past(self.core.past()) if is_told_past else None
        self.to_vad.control(broker.RespondResponse(ready=stream_pb2.StreamReady(hearing=self._hearing, past=past)))

    def lose_vad(self) -> None:
        """Nobody listens at the Respond stream any more: what is said there is told to the next vad by `past`."""
        self.to_vad.close()
        if self.is_known:
            self._carry_out(self.core.lose_vad(self._clock()))

    def meet_vad(self, *, is_ready: bool) -> Outbox[broker.RespondResponse]:
        """Another vad has come: return the outbox of its stream. What was only the old one's to know is forgotten."""
        self.to_vad = Outbox(_OUTBOX_MESSAGES)
        actions = self.core.adopt(self._clock()) if self.is_known else []
        if is_ready:
            self.ready(is_told_past=True)
        self._carry_out(actions)
        if self.core.hangup is not None:  # nobody may have been there to hear it
            self.to_vad.control(broker.RespondResponse(hangup=self.core.hangup))
        return self.to_vad

    # Egress.

    def from_egress(self, played: egress.Played) -> None:
        """Take what was played."""
        self._account.played(played)
        self._spans.played(played)
        if self.is_known:
            self._carry_out(self.core.from_egress(played, self._clock()))
        else:
            self.mouth.keep(played)

    def take_held(self, held: egress.Held) -> None:
        """Egress says what it holds: give it what it lacks."""
        if self.is_known and not self.mouth.gives:
            self.mouth.open()
            self._carry_out(self.core.give_again(held, self._clock()))
            self.mouth.say_rest()
        elif not self.is_known:
            self.mouth.hold(held)

    def restore(self, record: session_pb2.SessionRecord, history: Iterable[session_pb2.HistoryItem]) -> None:
        """Go on with what another broker has led, from what Redis and egress hold of it, and let vad know."""
        items, held, now_s = list(history), self.mouth.held, self._clock()
        assert held is not None
        age_s = self.story.carry(record.opened_at_ms, items)
        actions = self.core.restore(record, items, held, now_s, age_s=age_s)
        self.notes.restored(items)
        self._spans.carry(items, held)
        self._account.carry(self.story.items, age_s)
        self.known.set()
        self.mouth.open()
        self.ready(is_told_past=True)
        self._carry_out(actions)
        for played in self.mouth.kept():
            self.from_egress(played)

    # Tools.

    def _tool_done(self, call_id: str, output: str, status: session_pb2.ToolCall.Status.ValueType) -> None:
        try:
            self._carry_out(self.core.tool_done(call_id, output, status, self._clock()))
        except ParleyError as error:  # a peer that does not read
            self.close(error)

    # Time, and the end.

    async def tick(self) -> None:
        """Let the core act on what it has waited for long enough, until cancelled."""
        while True:
            await asyncio.sleep(_TICK_S)
            self._account.tick(self._clock())
            if self.is_known:
                self._carry_out(self.core.tick(self._clock()))

    def close(self, fault: ParleyError | None) -> None:
        """Put the last message into every outbox; again it does nothing."""
        if self.closed.is_set():
            return
        if not goes_on_elsewhere(fault):
            self._carry_out(self.core.close(self._clock()))
        self.fault = fault
        self.closed.set()
        self._account.ended(fault)
        self._spans.ended(fault)
        end = last_word(fault)
        if fault is not None and end.reason != stream_pb2.StreamEnd.REASON_DRAINING:
            self.to_vad.control(broker.RespondResponse(error=fault.to_wire()))
        self.to_vad.close(broker.RespondResponse(end=end))
        self.mouth.close(end)
        self.to_model.close()

    def leave(self) -> None:
        """Another broker is to go on from here: note what was used so far, and do nothing more."""
        if self.model_ready.is_set():
            self._carry_out([action for action in self.core.lose_model(self._clock()) if isinstance(action, Spent)])
        self.is_still = True

    def break_off(self, error: stream_pb2.Error) -> None:
        """A fault of ours: whatever can still be told is that there was one."""
        self._spans.ended(RemoteFault(error))
        self.closed.set()
        end = stream_pb2.StreamEnd(reason=stream_pb2.StreamEnd.REASON_FAILED, detail=error.message)
        self.to_vad.control(broker.RespondResponse(error=error))
        self.to_vad.close(broker.RespondResponse(end=end))

    def _carry_out(self, actions: list[Action]) -> None:
        now_s = self._clock()
        for action in actions if not (self.is_still or self.closed.is_set()) else ():
            self._spans.see(action)
            self._account.see(action, now_s)
            match action:
                case ToModel(event):
                    self.to_model.audio(event)
                case egress.SpeakRequest():
                    self.mouth.say(action)
                case broker.RespondResponse() if action.HasField("answered"):
                    self.notes.after(lambda answered=action: self.to_vad.control(answered))  # type: ignore[misc]
                case broker.RespondResponse():
                    self.to_vad.control(action)
                case session_pb2.HistoryItem():
                    self.notes.add(action)
                    self.story.add(action)
                case Mark(item):
                    self.notes.add(item)
                case RaiseFloor():
                    self.notes.add(action)
                case CallTool():
                    self.notes.after(lambda call=action: self.errands.begin(call))  # type: ignore[misc]
                case Spent():
                    self.notes.add(action.total)
        self._spans.count(self.core.tally)
