"""Answering: it asks the model for a response when a turn, or an operator, wants one, and follows it to its end."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from services.broker.actions import Actions
from services.broker.event import Event, table, text
from services.broker.faults import BUSY, code_of
from services.broker.reply import Reply
from services.broker.sequencer import REQUEST_TIMEOUT_S, Sequencer, Slot
from services.broker.verbatim import verbatim
from services.broker.voice import Stages, Voice
from services.broker.withheld import Withheld
from services.common import names
from services.common.errors import ModelFault

log = logging.getLogger("parley.broker")

MAX_LOST: Final = 2
"""Responses in a row of which nothing came, before the conversation ends."""


@dataclass(frozen=True)
class TurnEnd:
    """When the last turn ended, for its report."""

    turn: int = 0
    at_s: float = 0.0
    waited_ms: float = 0.0


class Answering:
    """One conversation's responses, one at a time."""

    def __init__(self, actions: Actions, voice: Voice, answer_s: float = REQUEST_TIMEOUT_S) -> None:
        self.sequencer = Sequencer(answer_s)
        self.last_turn = TurnEnd()
        self._actions = actions
        self._voice = voice
        self._requested: Reply | None = None
        self._withheld: Withheld | None = None
        self._asked_s = 0.0
        self._asked_stages: Stages = []
        self._lost = 0
        """Responses in a row of which nothing came."""

    def advance(self, now_s: float) -> None:
        """Ask for a response if one is wished for and can be had."""
        if not self.sequencer.may_request:
            return
        announcement = self.sequencer.announcement
        self._requested = reply = self._voice.mint(self.sequencer.wish or 0)
        reply.announcement = announcement
        metadata = {"reply": str(reply.number), "turn": str(reply.turn)}
        words = {} if announcement is None else verbatim(announcement.text)
        event_id = self._actions.model("response.create", response={"metadata": metadata, **words})
        self.sequencer.requested(event_id, now_s)
        self._asked_s = now_s
        self._asked_stages = [] if announcement is not None else self._stages_of_turn(reply.turn, now_s)

    def _stages_of_turn(self, turn: int, now_s: float) -> Stages:
        """Return what a turn's report begins with."""
        ended = self.last_turn if self.last_turn.turn == turn else TurnEnd(turn, now_s)
        return [
            client.TurnReport.Stage(name=names.VAD_ENDPOINT, ms=ended.waited_ms),
            client.TurnReport.Stage(name=names.BROKER_COMMIT, ms=(now_s - ended.at_s) * 1000),
        ]

    # Before a turn is sure to be over.

    def prepare(self, turn: int, now_s: float) -> None:
        """Ask for a response to a turn that may go on; nobody learns of it until `release`. The sequencer is idle."""
        self.sequencer.want(turn)
        self.advance(now_s)
        if self._requested is not None:
            self._withheld = Withheld(self._requested)

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
        self._asked_s, self._asked_stages = now_s, self._stages_of_turn(reply.turn, now_s)
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

    def cancel(self, now_s: float) -> None:
        """Stop the response that is being generated, if there is one."""
        response_id = self.sequencer.response_id
        if self.sequencer.cancel(now_s):
            # Only one whose id we never learnt is cancelled without: a late cancel would hit the next response.
            self._actions.model("response.cancel", **({"response_id": response_id} if response_id else {}))

    def retract(self, turn: int) -> None:
        """The turn was none: neither wish for an answer nor let one be heard that was asked for already."""
        if self.sequencer.wish == turn:
            self.sequencer.drop()
        if self._requested is not None and self._requested.turn == turn:
            self._voice.discard(self._requested)

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
            self._end(table(event, "response"))
            return
        reply = self._voice.of_response(text(event, "response_id"))
        if reply is None:
            return
        self._lost = 0
        self.sequencer.heard_of(text(event, "response_id"), now_s)
        match kind:
            case "response.output_item.added":
                self._voice.item_added(reply, table(event, "item"))
            case "response.output_audio.delta":
                self._voice.audio(reply, event, self._stages(now_s))
            case "response.output_audio_transcript.delta":
                self._voice.words(reply, event)
            case "response.output_audio.done":
                self._voice.item_done(reply, text(event, "item_id"))

    def _begin(self, response: Event, now_s: float) -> None:
        response_id, reply = text(response, "id"), self._requested
        if not response_id:
            return  # nothing could be told apart; the request times out
        if reply is None or not _answers(response, reply):
            self._actions.model("response.cancel", response_id=response_id)  # nobody asked for it, or no longer
            return
        self._requested = None
        self._voice.bind(reply, response_id)
        self.sequencer.created(response_id, now_s)
        if reply.is_dead:
            self.cancel(now_s)
        elif not self._withholds(reply):
            self._actions.progress(reply.turn, broker.TurnProgress.STAGE_REPLYING, reply.number)

    def _end(self, response: Event) -> None:
        response_id = text(response, "id")
        self.sequencer.done(response_id)
        reply = self._voice.unbind(response_id)
        if reply is None or reply.is_dead:
            return
        if text(response, "status") == "failed":
            self._apologise(reply, table(table(response, "status_details"), "error"))
        self._finish(reply)

    def _finish(self, reply: Reply) -> None:
        """No more of a living reply comes: what there is will be played."""
        if reply.received:
            self._voice.done(reply)
        else:
            self._voice.discard(reply)
            self._actions.silent(reply.turn)

    def refused(self, error: Event) -> bool:
        """Take an error; say whether it was the answer to our request."""
        busy = code_of(error) == BUSY
        if not self.sequencer.refused(text(error, "event_id"), busy=busy):
            return False
        reply, self._requested = self._requested, None
        if reply is None or reply.is_dead:
            return True
        self._voice.discard(reply)
        if self._withholds(reply):
            return True  # the turn is asked again when it is over
        if not busy:
            self._apologise(reply, error)
            self._actions.silent(reply.turn)
        elif reply.announcement is not None:
            self.sequencer.announce_again(reply.announcement)
        elif self.sequencer.wish is None:
            self.sequencer.want(reply.turn)
        return True

    # Time.

    def tick(self, now_s: float) -> None:
        """Give up a response that was lost on the way, so that the next can be asked for.

        Raises:
            ModelFault: it was the second in a row; a person who is told "sorry" a third time would rather know.
        """
        slot, response_id = self.sequencer.slot, self.sequencer.response_id
        if not self.sequencer.expire(now_s):
            return
        reply, self._requested = self._requested, None
        if slot is Slot.ACTIVE and response_id:
            self._actions.model("response.cancel", response_id=response_id)
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
                self._apologise(reply, {"message": "the model did not answer"})
            self._finish(reply)

    def _stages(self, now_s: float) -> Stages:
        first_audio = client.TurnReport.Stage(name=names.MODEL_FIRST_AUDIO, ms=(now_s - self._asked_s) * 1000)
        return [*self._asked_stages, first_audio]

    def _apologise(self, reply: Reply, error: Event) -> None:
        """Tell the person in plain words that there is no answer: silence would be worse.

        Nobody waits for an announcement but its operator, who has the log.
        """
        why = text(error, "message") or text(error, "code") or "the model gave no reason"
        if reply.announcement is not None:
            log.warning("announcement %s was not said to its end: %s", reply.announcement.id, why)
            return
        words = f"Sorry, I could not answer that ({why})."
        caption = client.Caption(who=client.Caption.WHO_ASSISTANT, text=words, final=True, turn=reply.turn)
        self._actions.add(egress.SpeakRequest(caption=caption))


def _answers(response: Event, reply: Reply) -> bool:
    """Say whether a response is the one asked for; servers that echo no metadata are believed."""
    return text(table(response, "metadata"), "reply") in ("", str(reply.number))
