"""Account: what one session has used and done, for the meter of its process and for the turn log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Self

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2
from services.broker.actions import Action, Spent
from services.broker.agent import Agent
from services.broker.conversation import Conversation
from services.broker.event import Event, table, text
from services.broker.latencies import Latencies, Response, Stop
from services.broker.meter import RESPONSES, SPECULATIONS, TOKENS, UNKNOWN, Meter, transcriber
from services.broker.money import amount, in_words
from services.broker.spans import Spans
from services.broker.tools.call import ToolRequest
from services.broker.turn_record import TurnRecord, TurnRecords, cause_of, usage_attributes
from services.broker.turn_words import in_words as turn_in_words
from services.broker.words_said import WordsSaid
from services.common import moments, names
from services.common.errors import ParleyError, Superseded
from services.common.logs import fields
from services.common.traceparent import trace_id

log = logging.getLogger("parley.broker")

FAULT: Final = "fault"
BROKEN_OFF: Final = "broken_off"
"""Its stream was, or the broker stopped."""

Status = session.ToolCall.Status
Writer = Callable[[Mapping[str, Any]], None]


def end_reason(hangup: stream_pb2.Hangup | None, fault: ParleyError | None) -> str:
    """Return why a session ended: as the webhook says it, or "superseded" where another stream has taken it over."""
    if isinstance(fault, Superseded):
        return "superseded"
    if hangup is not None:
        return stream_pb2.Hangup.Reason.Name(hangup.reason).removeprefix("REASON_").lower()
    return "client" if fault is None else FAULT


class Unmetered:
    """The account of a session that nobody counts."""

    def carry(self, history: Iterable[session.HistoryItem], age_s: float) -> None:
        """The session was opened so long ago, elsewhere, and this is what was said and done there."""

    def hear(self, request: broker.RespondRequest, now_s: float) -> None:
        """Take what vad says."""

    def take_event(self, event: Event) -> None:
        """Take what the model says."""

    def see(self, action: Action, now_s: float) -> None:
        """Take what the session does."""

    def played(self, played: egress.Played) -> None:
        """Take what the client's speaker has done."""

    def tool_done(self, request: ToolRequest, status: Status.ValueType, took_s: float, now_s: float) -> None:
        """A tool has answered."""

    def reconnected(self, outcome: str) -> None:
        """The connection to the model was made again, replaced in time, or given up."""

    def tick(self, now_s: float) -> None:
        """Write down the turns that are over."""

    def ended(self, fault: ParleyError | None) -> None:
        """The session ends: of itself, or by a fault."""


class Account(Unmetered):
    """A context manager, for as long as the session lasts. What is shown to it may come late, twice or not at all."""

    def __init__(
        self,
        meter: Meter,
        write: Writer,
        agent: Agent,
        opened: stream_pb2.StreamOpen,
        core: Conversation,
        clock: Callable[[], float] = time.monotonic,
        unix_clock: Callable[[], float] = time.time,
        spans: Spans | None = None,
    ) -> None:
        self._spans = spans or Spans(opened)
        self._meter = meter
        self._write = write
        self._agent = agent
        self._opened = opened
        self._core = core
        self._clock = clock
        self._model = (agent.name, agent.model.model)
        self._records = TurnRecords(opened.traceparent)
        self._latencies = Latencies()
        self._words = WordsSaid()
        self._began_s, self._began_unix_s = clock(), unix_clock()
        self._reason = ""
        self._turns = 0
        self._carried_turns = 0
        """Those that ended while another broker led the session: the session's, not this process'."""
        self._prepared = 0
        self._speculated = dict.fromkeys(SPECULATIONS, 0)
        self._cost_micros = core.spent.cost_micros

    def __enter__(self) -> Self:
        """The session begins."""
        self._meter.active.labels(self._agent.name).inc()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """The session has ended, in whatever way."""
        self._meter.active.labels(self._agent.name).dec()
        reason = self._reason or (FAULT if kind is not None and issubclass(kind, Exception) else BROKEN_OFF)
        self._meter.ended.labels(self._agent.name, reason).inc()
        self._count_speculations()
        for record in self._records.close():
            self._tell_turn(record)
        spent = self._core.spent
        total = {
            names.END_REASON: reason,
            names.DURATION_MS: round((self._clock() - self._began_s) * 1000),
            names.TURNS: self._carried_turns + self._turns,
            **usage_attributes(spent),
            names.COST_MICROS: spent.cost_micros,
        }
        self._tell(names.SESSION_EVENT, trace_id(self._opened.traceparent), self._began_s, total)

    def carry(self, history: Iterable[session.HistoryItem], age_s: float) -> None:
        """The session was opened so long ago, elsewhere, and this is what was said and done there."""
        self._began_s -= age_s
        self._began_unix_s -= age_s
        self._carried_turns = len({item.turn for item in history if item.role == session.HistoryItem.ROLE_USER})
        self._cost_micros = self._core.spent.cost_micros
        for turn in self._spans.carried:
            self._records.carry(turn.number, turn.traceparent, self._clock())

    def hear(self, request: broker.RespondRequest, now_s: float) -> None:
        """Take what vad says."""
        self._records.hear(request, now_s)
        self._measured(self._latencies.hear(request))
        if self._records.ended > self._turns:
            self._turns = self._records.ended
            self._meter.turns.labels(self._agent.name).inc()

    def take_event(self, event: Event) -> None:
        """Take what the model says, whatever that is."""
        if event.get("type") == "response.done":
            status = text(table(event, "response"), "status")
            self._meter.responses.labels(*self._model, status if status in RESPONSES else UNKNOWN).inc()

    def see(self, action: Action, now_s: float) -> None:
        """Take what the session does."""
        match action:
            case Spent():
                self._records.see(action, now_s)
                self._spend(action)
                return
            case egress.SpeakRequest() if action.HasField("interrupt"):
                self._note_cleared(action.interrupt)
            case egress.SpeakRequest() if action.HasField("reply_started"):
                self._latencies.begin(action.reply_started)
            case broker.RespondResponse() if action.progress.stage == broker.TurnProgress.STAGE_REPLYING:
                self._note(moments.RESPONSE_CREATED, turn=action.progress.turn, reply=action.progress.reply)
            case session.HistoryItem():
                self._words.take(action)
        self._records.see(action, now_s)

    def played(self, played: egress.Played) -> None:
        """Take what the client's speaker has done."""
        self._measured(self._latencies.played(played))

    def tool_done(self, request: ToolRequest, status: Status.ValueType, took_s: float, now_s: float) -> None:
        """A tool has answered."""
        name = request.name if self._agent.toolbox.find(request.name) is not None else UNKNOWN
        outcome = session.ToolCall.Status.Name(status).removeprefix("STATUS_").lower()
        self._meter.tool_calls.labels(name, outcome).inc()
        self._meter.tool_seconds.labels(name).observe(took_s)
        self._spans.tool_done(request.turn, name, outcome, took_s)
        self._records.tool_done(request.turn, name, outcome, took_s, now_s)

    def reconnected(self, outcome: str) -> None:
        """The connection to the model was made again, replaced in time, or given up."""
        self._meter.reconnects.labels(*self._model, outcome).inc()

    def tick(self, now_s: float) -> None:
        """Write down the turns that are over."""
        for record in self._records.over(now_s):
            self._tell_turn(record)

    def ended(self, fault: ParleyError | None) -> None:
        """The session ends: of itself, or by a fault."""
        self._reason = end_reason(self._core.hangup, fault)

    def _measured(self, measured: Response | Stop | None) -> None:
        """Somebody has waited so long."""
        if measured is None:
            return
        record, trace = self._records.find(measured.turn), self._records.trace_of(measured.turn)
        if isinstance(measured, Response):
            self._meter.answered(self._agent.name, measured.ms, trace)
            if record is not None:
                record.response_ms = measured.ms
        else:
            self._meter.stopped(self._agent.name, measured.ms, measured.onset_ms, trace)
            if record is not None:
                record.stop_ms = measured.ms

    def _note_cleared(self, interrupt: session.Interrupt) -> None:
        """What the model has said, and is saying, is dead."""
        cause, seq, floor, turn = cause_of(interrupt), interrupt.seq, interrupt.floor, self._records.sounding
        self._note(moments.BUFFERS_CLEARED, f"replies up to {floor}", turn=turn, seq=seq, floor=floor, cause=cause)

    def _note(self, moment: str, words: str = "", *, turn: int = 0, **known: Any) -> None:
        trace = self._records.trace_of(turn)
        moments.note(log, moment, self._opened.session, words, turn=turn, trace_id=trace, **known)

    def _tell_turn(self, record: TurnRecord) -> None:
        """A turn is over: a line of the turn log, and its story in the log."""
        prices = self._agent.manner.prices
        attributes = record.attributes(prices)
        self._tell(names.TURN_EVENT, record.trace_id, record.since_s, attributes)
        who = {names.AGENT_NAME: self._agent.name, names.REQUEST_MODEL: self._agent.model.model}
        self._spans.tell_root(record.turn, {**who, **attributes})
        words = turn_in_words(self._agent.name, attributes, prices.currency)
        known = {**attributes, **self._words.of(record.turn)}
        told = {"turn": record.turn, "trace_id": record.trace_id, names.AGENT_NAME: self._agent.name}
        moments.note(log, moments.TURN_OVER, self._opened.session, words, **told, **known)

    def _spend(self, spent: Spent) -> None:
        cost, total = amount(spent.usage.cost_micros), amount(spent.total.cost_micros)
        session_id, used = self._opened.session, in_words(spent.usage)
        known = fields(turn=spent.turn, trace_id=self._records.trace_of(spent.turn))
        words = "session %s: turn %d used %s; cost %s, session %s"
        log.info(words, session_id, spent.turn, used, cost, total, extra=known)
        for kind in TOKENS:
            if count := getattr(spent.usage, kind):
                self._meter.tokens.labels(*self._model, kind).inc(count)
        if spent.usage.transcribed_ms:
            seconds = spent.usage.transcribed_ms / 1000
            self._meter.transcribed.labels(self._agent.name, transcriber(self._agent)).inc(seconds)
        # The session's sum is rounded once; that of what is rounded each time would drift from it.
        if (more := spent.total.cost_micros - self._cost_micros) > 0:
            self._cost_micros = spent.total.cost_micros
            self._meter.cost.labels(*self._model, self._agent.manner.prices.currency).inc(more / 1_000_000)
        self._count_speculations()

    def _count_speculations(self) -> None:
        tally, agent = self._core.tally, self._agent.name
        self._meter.prepared.labels(agent).inc(tally.prepared - self._prepared)
        self._prepared = tally.prepared
        for outcome, counted in self._speculated.items():
            self._speculated[outcome] = now = getattr(tally, outcome)
            self._meter.speculations.labels(agent, outcome).inc(now - counted)

    def _tell(self, event: str, trace: str, since_s: float, attributes: Mapping[str, Any]) -> None:
        since = datetime.fromtimestamp(self._began_unix_s + since_s - self._began_s, UTC)
        self._write(
            {
                "event": event,
                "time": since.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "trace_id": trace,
                names.CONVERSATION_ID: self._opened.session,
                names.AGENT_NAME: self._agent.name,
                names.REQUEST_MODEL: self._agent.model.model,
                **attributes,
                names.CURRENCY: self._agent.manner.prices.currency,
            }
        )
