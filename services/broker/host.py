"""Host: what an agent says and does of its own accord: it greets, fills a wait, minds the purse, takes its leave."""

from __future__ import annotations

from typing import Final

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2
from services.broker.actions import Actions, Spent
from services.broker.ending import Ending
from services.broker.event import Event
from services.broker.goodbye import is_goodbye
from services.broker.manner import Manner
from services.broker.money import Ledger
from services.broker.recovered import Recovered
from services.broker.sequencer import Sequencer
from services.broker.tool_calls import Round, ToolCalls
from services.broker.tools.declaration import END_CONVERSATION
from services.broker.upstream.capabilities import Billing

COUNT_EVERY_S: Final = 10.0
"""A connection that is charged for by the second is counted so often: a budget is kept to within that."""

SAY_GOODBYE: Final = '{"ok": true, "note": "Say a short goodbye; the conversation ends after it."}'
ENDED: Final = '{"ok": true}'
GREETING: Final = "greeting"
ENDING: Final = "ending"
FILLER: Final = "filler-"
"""Names of what it has announced."""

STAYED: Final = '{"ok": false, "note": "The person went on talking, so the conversation goes on."}'


class Host:
    """One session's. What it wants said is announced, and so waits its turn like any announcement."""

    def __init__(self, actions: Actions, sequencer: Sequencer, tools: ToolCalls, manner: Manner) -> None:
        self.ending = Ending(manner.closing)
        self._actions = actions
        self._sequencer = sequencer
        self._tools = tools
        self._manner = manner
        self._ledger = Ledger(manner.prices)
        self._has_greeted = False
        self._counted_s: float | None = None
        """Until when time connected was counted, where that is charged for; None while there is no connection."""

    @property
    def spent(self) -> session.Usage:
        """What the model has used so far."""
        return self._ledger.total

    def connected(self, now_s: float) -> None:
        """There is a connection to the model."""
        if self._manner.capabilities.billing is Billing.SECONDS:
            self._counted_s = now_s

    def disconnected(self, now_s: float) -> None:
        """There is none any more."""
        self._count_connected(now_s)
        self._counted_s = None

    def _count_connected(self, now_s: float) -> None:
        if self._counted_s is not None:
            self._note(0, self._ledger.connected(now_s - self._counted_s))
            self._counted_s = now_s

    def begin(self, now_s: float) -> None:
        """The session begins: greet."""
        self.connected(now_s)
        self.ending.begin(now_s)
        if self._manner.greeting and not self._has_greeted:
            self._say(GREETING, self._manner.greeting)
        self._has_greeted = True

    def restore(self, known: Recovered, spent: session.Usage, now_s: float, age_s: float) -> None:
        """Another broker has been the host so far."""
        closing = self._manner.closing
        self._ledger = Ledger(self._manner.prices, carried=spent)
        self._has_greeted = bool(known.newest_reply or known.newest_turn)
        self.ending.restore(
            now_s,
            age_s,
            has_reprompted=known.has_said(ENDING, closing.reprompt, since_turn=known.last_turn),
            took_leave=known.has_said(ENDING, closing.last_words),
        )
        if known.ends:
            self.ending.leave(stream_pb2.Hangup.REASON_ASSISTANT)
        self.understood(known.last_words)

    def says_again(self, announcement: session.Announcement) -> bool:
        """Say whether it will see by itself that this is said, if that is still due."""
        return announcement.id == ENDING or announcement.id.startswith(FILLER)

    def understood(self, words: str) -> None:
        """The last turn's words are known: do they take leave?"""
        if self._manner.closing.on_goodbye and is_goodbye(words):
            self.ending.leave(stream_pb2.Hangup.REASON_GOODBYE)

    def called(self, calls: Round) -> None:
        """A response has called tools, and is complete. One of them may end the conversation; all may have answered."""
        for call in calls.calls:
            if call.name == END_CONVERSATION and call.output is None:
                self._tools.done(call.call_id, self._end(calls), session.ToolCall.STATUS_DONE)
        if calls.is_over and calls.is_wanted:
            self._sequencer.want_also(calls.turn)

    def _end(self, calls: Round) -> str:
        """The model ends the conversation; return what it is told."""
        if calls.reply.is_dead:  # cut off at its goodbye: the person goes on
            return STAYED
        self.ending.leave(stream_pb2.Hangup.REASON_ASSISTANT)
        has_spoken = calls.reply.received > 0
        calls.is_wanted &= not has_spoken
        return ENDED if has_spoken else SAY_GOODBYE

    def tool_done(self, call_id: str, output: str, status: session.ToolCall.Status.ValueType) -> None:
        """A tool has answered: the model is told, and goes on when it was the last one."""
        if (calls := self._tools.done(call_id, output, status)) is not None:
            self._sequencer.want_also(calls.turn)

    def responded(self, turn: int, usage: object) -> None:
        """A response has used something."""
        self._note(turn, self._ledger.responded(usage, turn))

    def transcribed(self, turn: int, usage: Event) -> None:
        """Writing down a turn has used something."""
        self._note(turn, self._ledger.transcribed(usage, turn))

    def _note(self, turn: int, usage: session.Usage) -> None:
        if usage.ByteSize():
            self._actions.add(Spent(turn, usage, self._ledger.total))

    def tick(self, now_s: float, *, is_quiet: bool, is_speaking: bool) -> None:
        """Do what is due. `is_quiet`: nothing is awaited, all was heard; `is_speaking`: somebody may be heard."""
        if self._counted_s is not None and now_s - self._counted_s >= COUNT_EVERY_S:
            self._count_connected(now_s)
        if not is_speaking and self._sequencer.is_idle:
            self._fill(now_s)
        if self.ending.hangup is not None:
            return
        cost_micros = self._ledger.cost_micros if self._manner.closing.budget_micros else 0
        if words := self.ending.check(now_s, is_quiet=is_quiet, cost_micros=cost_micros):
            self._say(ENDING, words)
        if self.ending.hangup is not None:
            self._actions.add(broker.RespondResponse(hangup=self.ending.hangup))

    def _fill(self, now_s: float) -> None:
        """Say something while a tool is slow."""
        if self._manner.filler and (calls := self._tools.slow(self._manner.filler_after_s, now_s)) is not None:
            self._say(f"{FILLER}{calls.reply.number}", self._manner.filler)

    def _say(self, name: str, words: str) -> None:
        self._sequencer.announce(session.Announcement(id=name, text=words))
