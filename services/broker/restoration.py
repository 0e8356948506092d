"""Restoration: a conversation that another broker has led is gone on with, from what Redis and egress know of it.

What was said, heard and done becomes the memory that the model is told. Replies that egress holds go on being heard;
what they lack the model is asked for. Turns without an answer are asked again, tools without a result called again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker import held_replies
from services.broker.heard import Words
from services.broker.history import Said
from services.broker.members import Members
from services.broker.recovered import Recovered
from services.broker.reply import Item, Reply
from services.broker.stages import TurnEnd
from services.broker.tool_calls import Call, Round

ROOM: Final = 16
"""Numbers of replies left out: some may have been given to replies of which nobody knows any more."""


@dataclass(frozen=True)
class Restoration:
    """Puts a conversation's parts, which know nothing yet, where they would be."""

    members: Members

    def run(
        self,
        record: session.SessionRecord,
        history: Sequence[session.HistoryItem],
        held: egress.Held,
        now_s: float,
        age_s: float,
    ) -> None:
        """Take over."""
        known = Recovered(record, history, held)
        self._count(known, record, now_s)
        late = [item for item in known.items if self._is_of_lost(item, known)]
        for item in known.items:
            if item not in late:
                self._remember(item, known, now_s)
        self.members.lost.expect(known.lost, now_s)
        for item in late:
            self._remember(item, known, now_s)
        self._hold(known, now_s)
        for a_round in self.members.tools.rounds:
            self._call_again(known, a_round)
        self._ask(known)
        self.members.host.restore(known, record.usage, now_s, age_s)

    def _count(self, known: Recovered, record: session.SessionRecord, now_s: float) -> None:
        """Numbers go on; names that are known are no news."""
        self.members.voice.minted = known.newest_reply + ROOM
        self.members.voice.heard_turn = max((item.turn for item in known.spoken), default=0)
        taken = self.members.listening.taken
        taken.known(known.newest_turn, known.decided_offset)
        taken.audio_offset = known.decided_offset
        self.members.answering.last_turn = TurnEnd(known.last_turn, now_s, mic_offset=known.decided_offset)
        for turn, _ in dict.fromkeys((item.turn, item.reply) for item in known.calls):
            self.members.tools.note_round(turn)
        for item in known.persons:
            self.members.listening.typed.is_news(item.id)
        for each in (*known.spoken, *known.announced):
            self.members.announced.is_news(each.id)
        kind = session.Interrupt.KIND_CANCEL
        cancel = session.Interrupt(
            session=record.session, seq=known.seq, floor=known.floor, lease=record.lease, kind=kind
        )
        self.members.interruptions.restore(cancel, known.held)

    def _is_of_lost(self, item: session.HistoryItem, known: Recovered) -> bool:
        return item.role == session.HistoryItem.ROLE_TOOL and any(mark.turn <= item.turn for mark in known.lost)

    def _remember(self, item: session.HistoryItem, known: Recovered, now_s: float) -> None:
        """Give an item its place in the model's memory."""
        if item.role == session.HistoryItem.ROLE_TOOL:
            self._remember_call(item, known, now_s)
        elif item.text:
            role = "user" if item.role == session.HistoryItem.ROLE_USER else "assistant"
            self.members.history.fill(self.members.history.reserve(Said(role, item.text)))

    # Replies.

    def _hold(self, known: Recovered, now_s: float) -> None:
        for has in known.held.replies:
            if known.is_told(has):
                continue
            if not has.samples:
                if not (has.complete or known.is_dead(has)):
                    self.members.voice.give_up(has.reply)
                continue
            reply = held_replies.reply_of(
                has, aligned=self.members.can.aligned, announcement=known.announcement(has.reply)
            )
            self.members.voice.take_over(reply)
            reply.note_played(has.played, now_s)
            if known.is_dead(has):
                self._bury(known, reply, has, now_s)
                continue
            if has.complete:
                self.members.voice.tell_asked(reply)
            else:
                self._break_off(known, reply)
            if not reply.is_dead and (has.played or has.ended):
                self.members.voice.played(egress.Played(reply=has.reply, position=has.played, ended=has.ended), now_s)

    def _bury(self, known: Recovered, reply: Reply, has: egress.HeldReply, now_s: float) -> None:
        """It was cut off: what was heard of it stays."""
        reply.is_dead = True
        heard = held_replies.heard_samples(has, known.held.silent)
        if known.is_erased(has, heard):
            self.members.voice.erase([reply])
        elif has.dead:
            self.members.voice.settle([reply], reply.number, heard)
        else:  # egress hears of it only now; the client's word may be on its way
            self.members.interruptions.await_word([reply], now_s)

    def _break_off(self, known: Recovered, reply: Reply) -> None:
        """The model was in the middle of it: it is to go on, unless it had called tools, whose results ask it again."""
        self.members.voice.break_off(reply)
        if not any(item.reply == reply.number for item in known.calls):
            self.members.answering.asking.go_on(reply, reply.text)

    # Tools.

    def _remember_call(self, item: session.HistoryItem, known: Recovered, now_s: float) -> None:
        """A call stands there twice, and is told once, with its result."""
        if item != known.first_of(item):
            return
        result = known.result_of(item)
        output = result.tool.output if result is not None else None
        call = Call(item.tool.call_id, item.tool.name, item.tool.arguments, now_s, output, is_foreign=True)
        self.members.history.fill(self.members.history.reserve(call))
        if output is None:
            self.members.tools.restore(call, self._caller(known, item))

    def _caller(self, known: Recovered, item: session.HistoryItem) -> Reply:
        """Return the reply that made a call, as far as it matters whether it said something, too."""
        reply = Reply(item.reply, item.turn, aligned=self.members.can.aligned)
        if item.reply in [*(each.reply for each in known.spoken), *(has.reply for has in known.replies)]:
            reply.take_over(Item("", 0, Words(aligned=self.members.can.aligned), samples=1, is_done=True), sent=1)
        return reply

    def _call_again(self, known: Recovered, a_round: Round) -> None:
        """Results are wanted in any case; an answer by them only if nobody has taken the floor since."""
        a_round.is_wanted = a_round.turn == known.last_turn and not known.is_settled(a_round.turn)
        a_round.reply.is_dead = not a_round.is_wanted
        self.members.host.called(a_round)
        self.members.tools.call_again(a_round)

    # What is owed.

    def _ask(self, known: Recovered) -> None:
        if turn := known.wanted:
            self.members.answering.sequencer.want(turn)
        if number := known.unfinished:
            reply = Reply(number, known.last_turn, aligned=self.members.can.aligned)
            self.members.answering.asking.go_on(reply, known.words_of(number))
        for announcement in reversed(known.unsaid):
            if not self.members.host.says_again(announcement):
                self.members.answering.sequencer.announce_again(announcement)
