"""Answering: it asks the model for a response when a turn, or an operator, wants one, and follows it to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from parley.v1 import broker_service_pb2 as broker
from services.broker.actions import Actions
from services.broker.apology import FILTERED, UNHEARD, apologise
from services.broker.asking import Asking
from services.broker.event import Event, table, tables, text
from services.broker.excess import cuts_short, is_wanted
from services.broker.manner import Manner
from services.broker.money import usage_of
from services.broker.reply import Reply
from services.broker.responses import Responses
from services.broker.sequencer import Slot
from services.broker.stages import Stages, TurnEnd
from services.broker.tool_calls import ToolCalls
from services.broker.voice import Voice
from services.broker.withheld import Withheld
from services.common.errors import ModelFault
from services.common.recent import Recent

MAX_LOST: Final = 2
"""Responses in a row of which nothing came, before the conversation ends."""


class Answering:
    """One conversation's responses, one at a time."""

    def __init__(self, actions: Actions, voice: Voice, tools: ToolCalls, manner: Manner) -> None:
        self._stages = Stages()
        self.asking = Asking(actions, voice, tools, self._stages, manner)
        self.sequencer = self.asking.sequencer
        self.responses = Responses(actions, voice, tools, self.sequencer, self._stages, manner)
        self.on_spent: Callable[[int, object], None] = lambda turn, usage: None
        """Told what a response has used."""
        self.open_turn: Callable[[], int] | None = None
        """Where the server answers by itself, when its own ear says so: the turn that is being spoken, or 0."""
        self._actions = actions
        self._voice = voice
        self._tools = tools
        self._manner = manner
        self._withheld: Withheld | None = None
        self._lost = 0
        """Responses in a row of which nothing came."""
        self._counted = Recent()
        """Responses whose use was counted."""

    @property
    def last_turn(self) -> TurnEnd:
        """The turn that ended last."""
        return self._stages.last_turn

    @last_turn.setter
    def last_turn(self, end: TurnEnd) -> None:
        self._stages.last_turn = end

    # Before a turn is sure to be over.

    def prepare(self, turn: int, now_s: float) -> None:
        """Ask for a response to a turn that may go on; nobody learns of it until `release`. The sequencer is idle."""
        self.sequencer.want(turn)
        self.asking.advance(now_s)
        if self.asking.requested is not None:
            self._withheld = Withheld(self.asking.requested)

    @property
    def is_prepared(self) -> bool:
        """True while a response is withheld that can be released."""
        return self._withheld is not None and self._withheld.is_usable

    def release(self, now_s: float) -> None:
        """The turn is over: take in what has come of its response, as if it came now."""
        withheld, self._withheld = self._withheld, None
        if withheld is None:
            return
        reply = withheld.reply
        if self.open_turn is not None:
            self._voice.place_again(reply)  # it was there before the turn that it answers
        self._stages.asked(reply.turn, now_s, answers=True)
        if reply.response_id is not None:
            self._actions.progress(reply.turn, broker.TurnProgress.STAGE_REPLYING, reply.number)
        for kind, event in withheld.events:
            self.take(kind, event, now_s)

    def abandon(self, now_s: float) -> None:
        """The turn goes on: let the model forget the response, what has come of it and what still comes."""
        withheld, self._withheld = self._withheld, None
        if withheld is None:
            return
        self._voice.discard(withheld.reply)
        if withheld.reply.response_id is not None and not withheld.is_over:
            self.cancel(now_s)
        for kind, event in withheld.events:
            self.take(kind, event, now_s)

    def _withholds(self, reply: Reply | None) -> bool:
        return self._withheld is not None and self._withheld.reply is reply

    # What stops it.

    def cancel(self, now_s: float) -> None:
        """Stop the response that is being generated, if there is one; nothing failed is tried again."""
        self.asking.stop()
        response_id = self.sequencer.response_id
        if self.sequencer.cancel(now_s):
            self._cancel(response_id)

    def _cancel(self, response_id: str | None) -> None:
        """Only one whose id we never learnt is cancelled without: a late cancel would hit the next response."""
        if self._manner.capabilities.can_cancel:
            self._actions.model("response.cancel", **({"response_id": response_id} if response_id else {}))

    def lose_model(self) -> None:
        """The connection has gone. What sounds goes on as far as it was given; what was asked is asked again."""
        reply = self.asking.taken()
        self._withheld = None
        if reply is None:
            reply = self._voice.of_response(self.sequencer.response_id or "")
        self.sequencer.reset()
        self.asking.lose_model()
        has_called, unanswered = self.responses.lose_model(reply)
        if reply is None or reply.is_dead:
            if unanswered is not None:
                self.sequencer.want_also(unanswered)
        elif not reply.received:
            self._voice.discard(reply)
            if not has_called:
                self.asking.again(reply)
        else:
            self._voice.break_off(reply)
            if not has_called:
                self.asking.go_on(reply, reply.text)

    # From the model.

    def take(self, kind: str, event: Event, now_s: float) -> None:
        """Take a `response.…` event."""
        if kind == "response.created":
            self._begin(table(event, "response"), now_s)
            return
        if self._withheld is not None and self._withheld.takes(kind, event):
            self._lost = 0
            self.sequencer.heard_of(self._withheld.reply.response_id or "", now_s)
            return
        if kind == "response.done":
            self._lost = 0
            self._end(event, now_s)
            return
        if (turn := self.responses.remote.take(event)) is not None:
            self.sequencer.want_also(turn)
        reply = self._voice.of_response(text(event, "response_id"))
        if reply is None:
            return
        self._lost = 0
        self.sequencer.heard_of(text(event, "response_id"), now_s)
        if is_wanted(reply, kind):
            self.responses.take(reply, kind, event, now_s)
        if cuts_short(reply):
            self.cancel(now_s)

    def _begin(self, response: Event, now_s: float) -> None:
        response_id, reply = text(response, "id"), self.asking.requested
        if not response_id:
            return  # nothing could be told apart; the request times out
        if reply is None and self._adopts(response_id, now_s):
            return
        if reply is None or not _answers(response, reply):
            self._cancel(response_id)  # nobody asked for it, or no longer
            return
        self.asking.taken()
        self._voice.bind(reply, response_id)
        self.sequencer.created(response_id, now_s)
        if reply.is_dead:
            self.cancel(now_s)
        elif not self._withholds(reply):
            self._actions.progress(reply.turn, broker.TurnProgress.STAGE_REPLYING, reply.number)

    def _adopts(self, response_id: str, now_s: float) -> bool:
        """Take a response that nobody asked for as the answer to the open turn: withheld, until vad says it is over.

        A model without turns may speak when nobody does, too; that is heard at once.
        """
        turn = self.open_turn() if self.open_turn is not None else 0
        if turn:
            self.abandon(now_s)  # what it answered to the turn so far
        speaks_unasked = self.open_turn is not None and not self._manner.capabilities.has_turns
        if not (turn or speaks_unasked) or self.sequencer.slot is not Slot.FREE:
            return False
        reply = self._voice.mint(turn)
        self._withheld = Withheld(reply) if turn else None
        self._voice.bind(reply, response_id)
        self.sequencer.requested("", now_s)
        self.sequencer.created(response_id, now_s)
        return True

    @property
    def has_adopted(self) -> bool:
        """True while an answer is withheld that the server gave by itself."""
        return self.open_turn is not None and self._withheld is not None

    def _end(self, event: Event, now_s: float) -> None:
        response = table(event, "response")
        response_id, status = text(response, "id"), text(response, "status")
        self.sequencer.done(response_id)
        reply = self._voice.unbind(response_id)
        if reply is not None and status not in ("failed", "cancelled"):
            for item in tables(response, "output"):  # where a server told of a call only here
                self.responses.item_done(reply, item, now_s)
        if self._counted.is_news(response_id):
            self.on_spent(reply.turn if reply is not None else 0, usage_of(event))
        if reply is None:
            return
        self._voice.forget_calls(reply)
        if reply.is_dead:
            self.responses.leave(reply)
            return
        has_called = self._tools.has_called(reply)  # its results ask the model again
        failed = status == "failed" and not has_called
        if failed and self.asking.failed(reply, table(table(response, "status_details"), "error"), now_s):
            return
        if text(table(response, "status_details"), "reason") == "content_filter":
            apologise(self._actions, reply, FILTERED)
        self.responses.finish(reply)

    def refused(self, error: Event) -> bool:
        """Take an error; say whether it was the answer to our request."""
        return self.asking.refused(error, self._withheld.reply if self._withheld is not None else None)

    # Time.

    def tick(self, now_s: float) -> None:
        """Give up a response that was lost on the way, so that the next can be asked for.

        Raises:
            ModelFault: it was the second in a row; a person who is told "sorry" a third time would rather know.
        """
        self.asking.tick(now_s)
        if (turn := self.responses.remote.expire(now_s)) is not None:
            self.sequencer.want_also(turn)
        slot, response_id = self.sequencer.slot, self.sequencer.response_id
        if not self.sequencer.expire(now_s):
            return
        reply = self.asking.taken()
        if slot is Slot.ACTIVE and response_id:
            self._cancel(response_id)
        if response_id:
            reply = self._voice.unbind(response_id)
        if reply is not None and self._withholds(reply):
            self._voice.discard(reply)
            return
        # Also a response in the way that is not ours and never ends: but not one that we have cut off ourselves.
        self._lost += slot is not Slot.CANCELLED and not (reply is not None and reply.received)
        if self._lost >= MAX_LOST:
            raise ModelFault(
                f"the model has left {MAX_LOST} requests in a row without an answer. Try again in a moment."
            )
        if reply is not None and not reply.is_dead:
            if not reply.received:
                apologise(self._actions, reply, UNHEARD)
            self.responses.finish(reply)
        elif reply is not None:
            self.responses.leave(reply)


def _answers(response: Event, reply: Reply) -> bool:
    """Say whether a response is the one asked for; servers that echo no metadata are believed."""
    return text(table(response, "metadata"), "reply") in ("", str(reply.number))
