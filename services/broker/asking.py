"""Asking: the model is asked when a turn, or an operator, wants a response and it is free; again where that failed."""

from __future__ import annotations

from collections.abc import Callable

from parley.v1 import session_pb2 as session
from services.broker import journal
from services.broker.actions import Actions, Mark
from services.broker.apology import apologise
from services.broker.event import Event, text
from services.broker.faults import BUSY, code_of
from services.broker.manner import Manner
from services.broker.questions import ask, dictate
from services.broker.reply import Reply
from services.broker.second_try import SecondTry
from services.broker.sequencer import Sequencer
from services.broker.stages import Stages
from services.broker.tool_calls import ToolCalls
from services.broker.verbatim import rest_of
from services.broker.voice import Voice


class Asking:
    """One conversation's requests, one at a time."""

    def __init__(self, actions: Actions, voice: Voice, tools: ToolCalls, stages: Stages, manner: Manner) -> None:
        self.sequencer = Sequencer(manner.answer_s)
        self.requested: Reply | None = None
        """What was asked for, until the model begins it or refuses."""
        self.commit: Callable[[int, float], str] | None = None
        """Where a commit asks for the response: commits a turn, returns the event's id, or "" if there is nothing."""
        self._actions = actions
        self._voice = voice
        self._tools = tools
        self._stages = stages
        self._manner = manner
        self._second_try = SecondTry(self.sequencer)
        self._broken_off: int | None = None
        """The turn whose answer broke off: the next response to it goes on there. One to a later turn does not."""

    def advance(self, now_s: float) -> None:
        """Ask for a response if one is wished for and can be had."""
        if not self.sequencer.may_request:
            return
        announcement = self.sequencer.announcement
        self.requested = reply = self._voice.mint(self.sequencer.wish or 0)
        reply.announcement = announcement
        if announcement is not None:
            self._actions.add(Mark(journal.announced(reply.number, announcement.id, announcement.text)))
        self.sequencer.requested(self._ask(reply, now_s), now_s)
        self._stages.asked(reply.turn, now_s, answers=announcement is None)

    def _ask(self, reply: Reply, now_s: float) -> str:
        if reply.announcement is not None:
            return dictate(self._actions, reply, reply.announcement.text, self._manner)
        if self.commit is not None and (event_id := self.commit(reply.turn, now_s)):
            self._voice.place_again(reply)  # it was there before the turn that it answers
            return event_id
        reply.continues, self._broken_off = self._broken_off == reply.turn, None
        too_many = self._tools.rounds_of(reply.turn) >= self._manner.max_tool_rounds
        return ask(self._actions, reply, self._manner, without_tools=too_many)

    def taken(self) -> Reply | None:
        """Return what was asked for, which is not awaited any more."""
        reply, self.requested = self.requested, None
        return reply

    def again(self, reply: Reply) -> None:
        """Ask for a reply again of which nothing came."""
        if reply.continues:
            self._broken_off = reply.turn
        if reply.announcement is not None:
            self.sequencer.announce_again(reply.announcement)
        else:
            self.sequencer.want_also(reply.turn)

    def go_on(self, reply: Reply, told: str) -> None:
        """Ask for the rest of a reply that broke off, unless something else is wished for.

        `told` is what the model remembers of it. Where that is not a word there is nothing to go on from, and it would
        take its answer before that for the one that broke off: the turn is answered anew.
        """
        if reply.announcement is not None:
            if words := rest_of(reply.announcement.text, told):
                self.sequencer.announce_again(session.Announcement(id=reply.announcement.id, text=words))
        elif self.sequencer.wish is None:
            self._broken_off = reply.turn if told else None
            self.sequencer.want(reply.turn)
            self._actions.add(Mark(journal.broken_off(reply.number, reply.turn)))

    def stop(self) -> None:
        """The person has taken the floor: nothing that failed is tried again."""
        self.lose_model()
        self._broken_off = None

    def lose_model(self) -> None:
        """Whatever a pause was for, there is another connection now."""
        self._second_try.end()

    def retract(self, turn: int) -> None:
        """The turn was none: neither wish for an answer nor let one be heard that was asked for already."""
        if self.sequencer.wish == turn:
            self.sequencer.drop()
        if self.requested is not None and self.requested.turn == turn:
            self._voice.discard(self.requested)

    def refused(self, error: Event, withheld: Reply | None) -> bool:
        """Take an error; say whether it was the answer to our request. What is `withheld` is asked for later anyhow."""
        busy = code_of(error) == BUSY
        if not self.sequencer.refused(text(error, "event_id"), busy=busy):
            return False
        reply = self.taken()
        if reply is None or reply.is_dead:
            return True
        self._voice.discard(reply)
        if reply is withheld:
            return True
        if busy:
            self.again(reply)
        else:
            apologise(self._actions, reply, error)
            self._actions.silent(reply.turn)
        return True

    def failed(self, reply: Reply, error: Event, now_s: float) -> bool:
        """A response has failed: say whether it is asked for again; if not, the person has been told."""
        nothing_said = not reply.received and reply.announcement is None
        if nothing_said and self._second_try.begin(reply.turn, error, now_s):
            self._voice.discard(reply)
            self.again(reply)
            return True
        apologise(self._actions, reply, error)
        return False

    def tick(self, now_s: float) -> None:
        """Let a pause end."""
        self._second_try.tick(now_s)
