"""Turn records: what became of each turn and what it cost, in numbers. No words of anybody's are among them.

A core without I/O: it is shown what a session does, with the time, and gives back the records of turns that are over.
They are what a trace of the turn will say; the attributes have its names (services/common/names.py).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker.actions import Action, CallTool, Spent
from services.broker.money import Prices, cost_micros
from services.common import names
from services.common.traceparent import trace_id

QUIET_S: Final = 10.0
"""So long after the last news of a turn it is over, if nothing of it is being heard or done. What comes later still (a
late transcription's usage) makes another record of the same turn: add them up."""

MOST_OPEN: Final = 64
"""Turns that are not over; the one that began first is taken for over when there are more."""

_SUMMED: Final = tuple(each.name for each in session.Usage.DESCRIPTOR.fields if each.name != "cost_micros")


def cause_of(interrupt: session.Interrupt) -> str:
    """Return what brought an interrupt about, in small letters."""
    return session.Interrupt.Cause.Name(interrupt.cause).removeprefix("CAUSE_").lower()


def usage_attributes(usage: session.Usage) -> dict[str, int]:
    """Return what was used under the names of the GenAI conventions; what is 0 is left out."""
    text, audio = usage.text_in + usage.text_cached, usage.audio_in + usage.audio_cached
    counts = {
        names.INPUT_TOKENS: text + audio,
        names.CACHE_READ_TOKENS: usage.text_cached + usage.audio_cached,
        names.OUTPUT_TOKENS: usage.text_out + usage.audio_out,
        names.TEXT_INPUT_TOKENS: text,
        names.TEXT_CACHE_READ_TOKENS: usage.text_cached,
        names.TEXT_OUTPUT_TOKENS: usage.text_out,
        names.AUDIO_INPUT_TOKENS: audio,
        names.AUDIO_CACHE_READ_TOKENS: usage.audio_cached,
        names.AUDIO_OUTPUT_TOKENS: usage.audio_out,
        names.TRANSCRIBED_MS: usage.transcribed_ms,
        names.CONNECTED_MS: usage.connected_ms,
    }
    return {name: count for name, count in counts.items() if count}


@dataclass
class TurnRecord:
    """One turn so far. Turn 0 is what the assistant says of its own accord, and answers none."""

    turn: int
    trace_id: str
    since_s: float
    """When it ended, or the first that is known of it."""
    news_s: float
    replies: list[int] = field(default_factory=list)
    stages_ms: dict[str, float] = field(default_factory=dict)
    usage: session.Usage = field(default_factory=session.Usage)
    heard_ms: int = 0
    interrupted: bool = False
    tools: list[dict[str, Any]] = field(default_factory=list)
    playing: set[int] = field(default_factory=set)
    """Replies of which it is not known yet how much was heard."""
    cut_off: set[int] = field(default_factory=set)
    """Those that an interruption has ended; one that is never told of was not heard at all."""
    interrupted_by: str = ""
    """What cut a reply off last."""
    response_ms: float | None = None
    """From the person's last sound to the first sample of the answer that was heard, by the client's clock."""
    stop_ms: float | None = None
    """From the decision to cut it off to the client's silence, by the same clock."""
    calls: int = 0
    """Tools that have not answered."""

    def is_over(self, now_s: float) -> bool:
        """Say whether nothing more is to be expected of it."""
        return not self.playing and self.calls <= 0 and now_s - self.news_s >= QUIET_S

    def attributes(self, prices: Prices) -> dict[str, Any]:
        """Return the record as JSON knows it."""
        return {
            names.TURN: self.turn,
            names.REPLIES: self.replies,
            names.DURATION_MS: round((self.news_s - self.since_s) * 1000),
            names.STAGES_MS: {name: round(ms, 1) for name, ms in self.stages_ms.items()},
            names.HEARD_MS: self.heard_ms,
            names.INTERRUPTED: self.interrupted or bool(self.cut_off),
            **self._measured(),
            names.TOOLS: self.tools,
            **usage_attributes(self.usage),
            names.COST_MICROS: cost_micros(self.usage, prices),
        }

    def _measured(self) -> dict[str, Any]:
        """Return what is known only of some."""
        measured: dict[str, Any] = {names.INTERRUPTED_BY: self.interrupted_by} if self.interrupted_by else {}
        for name, ms in ((names.RESPONSE_MS, self.response_ms), (names.STOP_MS, self.stop_ms)):
            if ms is not None:
                measured[name] = round(ms, 1)
        return measured


class TurnRecords:
    """One session's."""

    def __init__(self, traceparent: str = "") -> None:
        self.ended = 0
        """The person's turns that have ended."""
        self._session_trace = trace_id(traceparent)
        self._open: OrderedDict[int, TurnRecord] = OrderedDict()
        self._over: list[TurnRecord] = []
        self._started = (0, "")
        self._last_ended = 0

    def hear(self, request: broker.RespondRequest, now_s: float) -> None:
        """Take what vad says."""
        match request.WhichOneof("message"):
            case "speech_started":
                self._started = (request.speech_started.turn, trace_id(request.speech_started.traceparent))
            case "turn_ended" if not request.turn_ended.tentative:
                self._end(request.turn_ended.turn, now_s)
            case "turn_confirmed":
                self._end(request.turn_confirmed.turn, now_s)
            case "typed":
                self._end(request.typed.turn, now_s)

    def see(self, action: Action, now_s: float) -> None:
        """Take what the session does."""
        match action:
            case Spent():
                usage = self._of(action.turn, now_s).usage
                for name in _SUMMED:
                    setattr(usage, name, getattr(usage, name) + getattr(action.usage, name))
            case CallTool():
                self._of(action.turn, now_s).calls += 1
            case session.HistoryItem(role=session.HistoryItem.ROLE_ASSISTANT):
                self._heard(action, now_s)
            case egress.SpeakRequest() if action.HasField("reply_started"):
                self._start(action.reply_started, now_s)
            case egress.SpeakRequest() if action.HasField("interrupt"):
                self._cut_off(action.interrupt, now_s)

    def carry(self, turn: int, traceparent: str, now_s: float) -> None:
        """A turn that another broker has led, and of which it could not tell."""
        self._open[turn] = TurnRecord(turn, trace_id(traceparent), now_s, now_s)
        self._last_ended = max(self._last_ended, turn)

    def tool_done(self, turn: int, name: str, outcome: str, took_s: float, now_s: float) -> None:
        """A tool has answered. `name` is one that was declared."""
        record = self._of(turn, now_s)
        record.calls -= 1
        tool = {names.TOOL_NAME: name, names.TOOL_OUTCOME: outcome, names.TOOL_MS: round(took_s * 1000, 1)}
        record.tools.append(tool)

    def find(self, turn: int) -> TurnRecord | None:
        """Return a turn's that is not over."""
        return self._open.get(turn)

    @property
    def sounding(self) -> int:
        """The newest turn of which something may still be heard; 0: none."""
        return max((turn for turn, record in self._open.items() if record.playing), default=0)

    def trace_of(self, turn: int) -> str:
        """Return the trace of a turn, as far as it is known; the session's where it has none."""
        record, (started, trace) = self._open.get(turn), self._started
        return record.trace_id if record is not None else trace if turn == started and trace else self._session_trace

    def over(self, now_s: float) -> list[TurnRecord]:
        """Return the turns that are over by now, and forget them."""
        for record in [each for each in self._open.values() if each.is_over(now_s)]:
            self._over.append(self._open.pop(record.turn))
        over, self._over = self._over, []
        return over

    def close(self) -> list[TurnRecord]:
        """The session has ended: return all that are left."""
        left, self._over = [*self._over, *self._open.values()], []
        self._open.clear()
        return left

    def _end(self, turn: int, now_s: float) -> None:
        record = self._of(turn, now_s)
        if turn > self._last_ended:
            self._last_ended = turn
            self.ended += 1
            record.since_s = now_s

    def _start(self, started: egress.ReplyStarted, now_s: float) -> None:
        record = self._of(started.turn, now_s)
        record.replies.append(started.reply)
        record.playing.add(started.reply)
        if not record.stages_ms:
            record.stages_ms = {stage.name: stage.ms for stage in started.stages}

    def _heard(self, item: session.HistoryItem, now_s: float) -> None:
        record = self._of(item.turn, now_s)
        record.playing.discard(item.reply)
        record.cut_off.discard(item.reply)
        record.heard_ms += item.heard_ms
        record.interrupted |= item.interrupted

    def _cut_off(self, interrupt: session.Interrupt, now_s: float) -> None:
        for record in self._open.values():
            dead = {reply for reply in record.playing if reply <= interrupt.floor}
            if dead:
                record.news_s = now_s
                record.playing -= dead
                if interrupt.cause != session.Interrupt.CAUSE_TURN_RESUMED:
                    record.cut_off |= dead
                    record.interrupted_by = cause_of(interrupt)

    def _of(self, turn: int, now_s: float) -> TurnRecord:
        record = self._open.get(turn)
        if record is None:
            record = self._open[turn] = TurnRecord(turn, self.trace_of(turn), now_s, now_s)
            if len(self._open) > MOST_OPEN:
                self._over.append(self._open.popitem(last=False)[1])
        record.news_s = now_s
        return record
