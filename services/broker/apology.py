"""Apology: the person is told in plain words that there is no answer. Silence would be worse."""

from __future__ import annotations

import logging
from typing import Final

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from services.broker.actions import Actions, NotAnswered
from services.broker.event import Event, text
from services.broker.faults import code_of
from services.broker.reply import Reply

log = logging.getLogger("parley.broker")

FILTERED: Final[Event] = {"code": "content_filter", "message": "the model's filter held the answer back"}
UNHEARD: Final[Event] = {"code": "no_answer", "message": "the model did not answer"}
ONLY_CALLS: Final[Event] = {"code": "only_calls", "message": "the model does nothing but call tools"}


def apologise(actions: Actions, reply: Reply, error: Event) -> None:
    """Caption that a reply could not be had; why, is for the log.

    Nobody waits for an announcement but its operator, who has the log.
    """
    why = text(error, "message") or text(error, "code") or "the model gave no reason"
    actions.add(NotAnswered(reply.turn, code_of(error) or "unknown"))
    if reply.announcement is not None:
        log.warning("announcement %s was not said to its end: %s", reply.announcement.id, why)
        return
    log.warning("turn %d was not answered: %s", reply.turn, why)
    actions.add(say_sorry("I could not answer that.", reply.turn))


def say_sorry(what: str, turn: int) -> egress.SpeakRequest:
    """Return the caption that says so."""
    caption = client.Caption(who=client.Caption.WHO_ASSISTANT, text=f"Sorry, {what}", final=True, turn=turn)
    return egress.SpeakRequest(caption=caption)
