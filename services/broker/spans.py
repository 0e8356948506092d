"""Spans of the broker: what it, the model and its tools took; the root of each turn; the contexts that messages carry.

The root is told when the turn's record is (`turn_record.py`), and says the same: there is one source of these figures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2
from services.broker import journal
from services.broker.actions import Action, Mark, NotAnswered, ToModel
from services.broker.event import Event, table, text
from services.broker.faults import code_of
from services.broker.parting import goes_on_elsewhere
from services.broker.speculation import Tally
from services.broker.traced_turn import TracedTurn, TracedTurns, of_history, scalars
from services.common import names
from services.common.bounded import Bounded
from services.common.errors import ParleyError
from services.common.tracing.mic_time import in_s, in_us
from services.common.tracing.tracing import Failure, SessionTracing, Tracing, Value, here

_CANCEL: Final = session.Interrupt.KIND_CANCEL
_OUTCOMES: Final = ("used", "wasted", "failed")
_DONE: Final = "done"


class Spans:
    """One session's. Messages are stamped whether or not this process sends spans: another one may."""

    def __init__(
        self,
        opened: stream_pb2.StreamOpen,
        tracing: Tracing | None = None,
        unix_clock: Callable[[], float] = time.time,
    ) -> None:
        self._tracing = tracing or here()
        self._spans = SessionTracing(self._tracing, opened.session)
        self._clock = unix_clock
        self._client = opened.traceparent
        self._turns = TracedTurns(opened.traceparent)
        self._replies: Bounded[int, int] = Bounded()
        """The turn that each answers."""
        self._started: Bounded[int, egress.ReplyStarted] = Bounded()
        self._asked: Bounded[str, float] = Bounded()
        """Responses that are awaited, by the number of their reply, and since when."""
        self._cancel: session.Interrupt | None = None
        self._cancelled_s = 0.0
        self._counted = Tally()
        self._prepared = (0, 0.0)
        self.carried: list[TracedTurn] = []
        """Turns of a broker that is gone, whose roots are still to be told."""

    # From vad.

    def hear(self, request: broker.RespondRequest) -> None:
        """Take what vad says."""
        now_s = self._clock()
        match request.WhichOneof("message"):
            case "speech_started":
                self._turns.begin(request.speech_started.turn, request.speech_started.traceparent)
            case "turn_ended":
                ended = request.turn_ended
                turn = self._turns.of(ended.turn)
                turn.end(in_s(ended.spoken_until_us) or now_s - ended.waited_ms / 1000)
                if not ended.tentative:
                    turn.decide(in_s(ended.decided_at_us) or now_s)
            case "turn_confirmed":
                confirmed = request.turn_confirmed
                self._turns.of(confirmed.turn).decide(in_s(confirmed.decided_at_us) or now_s)
            case "typed":
                turn = self._turns.begin(request.typed.turn, request.typed.traceparent)
                decided_s = in_s(request.typed.decided_at_us) or now_s
                turn.end(decided_s)
                turn.decide(decided_s)
            case "interrupt" if request.interrupt.kind == _CANCEL:
                self._cancel, self._cancelled_s = request.interrupt, now_s
                decided_s = in_s(request.interrupt.decided_at_us) or now_s
                known = {"seq": request.interrupt.seq, "stage": "broker", "way": "in_band"}
                self._record(names.INTERRUPT_FANOUT, request.interrupt.traceparent, decided_s, now_s, **known)

    def past(self, past: stream_pb2.Past) -> stream_pb2.Past:
        """Return it with the context of its newest turn."""
        if past.turn in self._turns:
            past.traceparent = self._turns.of(past.turn).traceparent
        return past

    # From the model.

    def take_event(self, event: Event) -> None:
        """Take what the model says: how a response ended."""
        if not self._spans.is_on or event.get("type") != "response.done":
            return
        response = table(event, "response")
        key, status = (
            text(table(response, "metadata"), "reply") or next(reversed(self._asked), ""),
            text(response, "status"),
        )
        failure = None
        if status == "failed":
            code = code_of(table(table(response, "status_details"), "error")) or "unknown"
            failure = Failure(code, f"the model's response has failed: {code}")
        self._response_over(key, status, failure)

    def lose_model(self) -> None:
        """The connection to the model has gone, and with it what was asked there."""
        for key in list(self._asked):
            self._response_over(key, "lost", Failure("connection_lost", "the connection to the model was lost"))

    def _response_over(self, key: str, outcome: str, failure: Failure | None) -> None:
        asked_s = self._asked.pop(key, None)
        if asked_s is not None and key.isdecimal():
            turn, known = self._turns.of(self._replies.get(int(key), 0)), {"reply": int(key), "outcome": outcome}
            self._record(names.MODEL_RESPONSE, turn.traceparent, asked_s, self._clock(), failure, **known)

    # What is done.

    def see(self, action: Action) -> None:
        """Put into what is about to be done what a trace needs of it, and record what has come to its end."""
        match action:
            case ToModel(event):
                self._see_request(event)
            case NotAnswered(number, why):
                self._fail(number, Failure(why, f"the turn was not answered: {why}"))
            case egress.SpeakRequest() if action.HasField("reply_started"):
                self._begin(action.reply_started)
            case broker.RespondResponse() if action.HasField("progress"):
                progress = action.progress
                if progress.reply:
                    self._replies[progress.reply] = progress.turn
                progress.traceparent = self._turns.of(progress.turn).traceparent
            case Mark(item) if item.item == journal.TAKEN:
                turn = self._turns.of(item.turn)
                item.traceparent, item.spoken_until_us = turn.traceparent, in_us(turn.spoken_until_s)
            case session.HistoryItem():
                self._remember(action)

    def _see_request(self, event: Event) -> None:
        kind = event["type"]
        if kind == "response.create":
            metadata = table(table(event, "response"), "metadata")
            reply, turn = text(metadata, "reply"), text(metadata, "turn")
            if reply.isdecimal() and turn.isdecimal():
                now_s = self._clock()
                self._replies[int(reply)], self._asked[reply] = int(turn), now_s
                self._turns.of(int(turn)).ask(now_s)
        elif kind == "conversation.item.truncate":
            self._truncated(heard_ms=event.get("audio_end_ms", 0))

    def _begin(self, started: egress.ReplyStarted) -> None:
        if (before := self._started.get(started.reply)) is not None:  # another egress is told
            started.traceparent, started.first_audio_us = before.traceparent, before.first_audio_us
            return
        now_s, turn = self._clock(), self._turns.of(started.turn)
        started.traceparent, started.first_audio_us = turn.traceparent, in_us(now_s)
        self._started[started.reply], self._replies[started.reply] = started, started.turn
        took_ms = {stage.name: stage.ms for stage in started.stages}
        if not self._spans.is_on or names.MODEL_FIRST_AUDIO not in took_ms:
            return
        asked_s = now_s - took_ms[names.MODEL_FIRST_AUDIO] / 1000
        if (committed := turn.commit(asked_s)) is not None and started.turn:
            self._record(names.BROKER_COMMIT, turn.traceparent, *committed, turn=started.turn)
        attributes = {"turn": started.turn, "reply": started.reply}
        self._record(names.MODEL_FIRST_AUDIO, turn.traceparent, asked_s, now_s, **attributes)

    def _remember(self, item: session.HistoryItem) -> None:
        if item.role == session.HistoryItem.ROLE_ASSISTANT and item.interrupted:
            self._truncated(heard_ms=item.heard_ms)
        if self._tracing.tells_words and item.text and item.role != session.HistoryItem.ROLE_TOOL:
            self._turns.of(item.turn).words.append(
                f"{session.HistoryItem.Role.Name(item.role)[5:].lower()}: {item.text}"
            )

    def _truncated(self, heard_ms: int) -> None:
        cancel, self._cancel = self._cancel, None
        if cancel is not None:
            attributes = {"seq": cancel.seq, "heard_ms": heard_ms}
            self._record(names.BROKER_TRUNCATE, cancel.traceparent, self._cancelled_s, self._clock(), **attributes)

    def count(self, tally: Tally) -> None:
        """See what has become of an answer that was begun before the turn was surely over."""
        if tally == (counted := self._counted):
            return
        now_s = self._clock()
        for outcome in _OUTCOMES:
            if getattr(tally, outcome) > getattr(counted, outcome):
                turn, since_s = self._prepared
                traceparent = self._turns.of(turn).traceparent
                self._record(names.SPECULATION, traceparent, since_s, now_s, turn=turn, outcome=outcome)
        if tally.prepared > counted.prepared:
            self._prepared = (self._turns.newest, now_s)
        self._counted = Tally(tally.prepared, tally.used, tally.wasted, tally.failed)

    def tool_done(self, turn: int, name: str, outcome: str, took_s: float) -> None:
        """A tool, one that was declared, has answered."""
        now_s = self._clock()
        attributes = {"turn": turn, "tool__name": name, "tool__outcome": outcome}
        failure = None if outcome == _DONE else Failure(f"tool_{outcome}", "the tool has not done it: see the log")
        self._record(names.TOOL_CALL, self._turns.of(turn).traceparent, now_s - took_s, now_s, failure, **attributes)

    def played(self, played: egress.Played) -> None:
        """Take what the client's speaker has done."""
        if played.reply in self._replies:
            self._turns.of(self._replies[played.reply]).lasts_until(in_s(played.at_us) or self._clock())

    # What goes wrong.

    def ended(self, fault: ParleyError | None) -> None:
        """The session ends here. By a fault: its newest turn is the one that people will ask about."""
        if fault is not None and not goes_on_elsewhere(fault) and (number := self._turns.newest):
            failure, now_s = Failure.of(fault), self._clock()
            self._fail(number, failure)
            self._record(names.RING_FAULT, self._turns.of(number).traceparent, now_s, now_s, failure, stage="broker")

    def _fail(self, number: int, failure: Failure) -> None:
        """There is no answer, and no more is to come of what the model was asked for it."""
        if number in self._turns:
            self._turns.of(number).failure = failure
        for key in [key for key in self._asked if self._replies.get(int(key)) == number]:
            self._response_over(key, "failed", failure)

    # The root.

    def tell_root(self, number: int, attributes: Mapping[str, Any]) -> None:
        """The turn is over; this is its record. A second one of the same turn says what came late."""
        if not self._spans.is_on:
            return
        turn = self._turns.of(number)
        more: dict[str, Value] = {"taken_over": True} if turn.is_taken_over else {}
        more |= {"words": turn.words} if turn.words else {}
        known = {**scalars(attributes), **self._spans.attributes(**more)}
        start_s = turn.spoken_until_s or turn.first_s or self._clock()
        if turn.is_told:
            self._tracing.record(names.LATE, turn.traceparent, self._clock(), self._clock(), known)
        else:
            links = [link for link in (turn.previous, self._client) if link]
            until_s = turn.until_s or self._clock()
            root = turn.traceparent
            self._tracing.record_root(names.TURN_SPAN, root, start_s, until_s, known, links=links, failure=turn.failure)
        self._turns.told(number)

    def carry(self, items: Iterable[session.HistoryItem], held: egress.Held) -> None:
        """Another broker has led the session, and is gone: learn its turns from history and from egress."""
        for reply in held.replies:
            self._replies[reply.reply] = reply.turn
            if reply.traceparent and reply.turn not in self._turns:
                self._turns.begin(reply.turn, reply.traceparent).is_taken_over = True
            started = egress.ReplyStarted(reply=reply.reply, turn=reply.turn, traceparent=reply.traceparent)
            self._started[reply.reply] = started
        for turn, is_recent in of_history(items, self._clock()):
            self._turns.carry(turn, is_told=not is_recent)
            if is_recent:
                self.carried.append(turn)

    def _record(
        self, name: str, turn: str, start_s: float, end_s: float, failure: Failure | None = None, /, **attributes: Any
    ) -> None:
        self._spans.record(name, turn, start_s, end_s, failure, **attributes)
        if (known := self._turns.find(turn)) is not None:
            known.first_s = min(known.first_s or start_s, start_s)
            known.lasts_until(end_s)
