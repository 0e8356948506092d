"""Questions: what a `response.create` says beside "go on": words to be said exactly, a reply that broke off."""

from __future__ import annotations

from typing import Any, Final

from services.broker.actions import Actions
from services.broker.items import spoken_item
from services.broker.manner import Manner
from services.broker.reply import Reply
from services.broker.verbatim import LEAD_IN, verbatim

CONTINUE: Final = (
    "Your last answer was cut off by a fault of the connection, not by the person, just after its last words. "
    "Go on from there in the middle of the sentence. Repeat nothing, do not greet, do not mention the fault."
)
ANSWER_NOW: Final = "Answer now with what you know; call no more tools."


def ask(actions: Actions, reply: Reply, manner: Manner, *, without_tools: bool) -> str:
    """Ask for a reply to the person; return the request's event id."""
    can = manner.capabilities
    fields: dict[str, Any] = {"metadata": {"reply": str(reply.number), "turn": str(reply.turn)}}
    extra = [words for words, wanted in ((CONTINUE, reply.continues), (ANSWER_NOW, without_tools)) if wanted]
    if extra and can.instructions_per_response:
        # A response's instructions replace the session's, so those are repeated.
        fields["instructions"] = "\n".join(filter(None, [manner.instructions, *extra]))
    elif extra:  # then the order stands in the conversation
        actions.model("conversation.item.create", item=spoken_item("system", " ".join(extra)))
    if without_tools and can.takes_tools:
        fields["tool_choice"] = "none"
    return actions.model("response.create", response=fields)


def dictate(actions: Actions, reply: Reply, words: str, manner: Manner) -> str:
    """Have `words` said exactly; return the request's event id."""
    fields: dict[str, Any] = {"metadata": {"reply": str(reply.number), "turn": str(reply.turn)}}
    if manner.capabilities.instructions_per_response:
        fields |= verbatim(words)
    else:  # then the order stands in the conversation
        actions.model("conversation.item.create", item=spoken_item("system", f'{LEAD_IN}"{words}"'))
    return actions.model("response.create", response=fields)
