"""Recollection: a model's memory rebuilt on a new connection, of which the server knows nothing.

Oldest first: what was said and heard, as text, for the protocol takes no audio of the assistant's; tool calls with
their results, never one without the other; and the sound of a turn that nobody has answered yet, because the model
hears more in it than a transcript tells.
"""

from __future__ import annotations

from typing import Final

from services.broker.actions import Actions
from services.broker.ears import Ears
from services.broker.history import MOST_CHARACTERS, History, Remembered
from services.broker.items import call_item, output_item, spoken_item
from services.broker.part import Part

RESUMED: Final = (
    "The connection broke and has been restored. What was said before follows. "
    "Go on as if nothing had happened: do not greet again and do not mention it."
)
OMITTED: Final = " The beginning of the conversation is left out."


class Recollection:
    """Tells the model what it must know. Each `rebuild` numbers its items anew."""

    def __init__(self, actions: Actions, ears: Ears, history: History) -> None:
        self._actions = actions
        self._ears = ears
        self._history = history
        self._connections = 1
        self._items = 0
        self._now_s = 0.0

    def rebuild(self, now_s: float) -> None:
        """Put the conversation so far into the memory of a model that knows nothing."""
        self._connections += 1
        self._items, self._now_s = 0, now_s
        recent = _recent(remembered := self._history.remembered())
        if recent:
            self.say("system", RESUMED + (OMITTED if self._history.omits or len(recent) < len(remembered) else ""))
        for memory in recent:
            memory.recall(self)
        self._ears.hear_again(now_s)

    def say(self, role: str, words: str) -> str:
        """Tell words; return the item's id."""
        item_id = self._new_id()
        self._actions.model("conversation.item.create", item=spoken_item(role, words, item_id))
        return item_id

    def sound(self, part: object) -> None:
        """Give a turn's sound again."""
        assert isinstance(part, Part)
        self._ears.commit_again(part, self._now_s)

    def call(self, call_id: str, name: str, arguments: str, output: str) -> None:
        """Tell of a tool call with its result."""
        self._actions.model("conversation.item.create", item=call_item(call_id, name, arguments, self._new_id()))
        self._actions.model("conversation.item.create", item=output_item(call_id, output))

    def _new_id(self) -> str:
        self._items += 1
        return f"parley_{self._connections}_{self._items}"


def _recent(remembered: list[Remembered]) -> list[Remembered]:
    """Return the newest of them that are not too long together."""
    characters = 0
    for index in range(len(remembered) - 1, -1, -1):
        characters += remembered[index].weight
        if characters > MOST_CHARACTERS:
            return remembered[index + 1 :]
    return remembered
