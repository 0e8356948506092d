"""Journal: the history stream as it stands in Redis, and how it is read by a broker that takes over.

A tool call and its result are written as soon as they are known, which may be before the words of the turn that they
belong to; what Redis had lost is written again. Between what was said stand marks: items of no role, for brokers only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from parley.v1 import session_pb2 as session
from services.common.audio import MIC_HZ, samples_of

Item = session.HistoryItem

TAKEN: Final = "taken"
"""A turn's end was taken: its words follow, sooner or later, as an item of the person's."""
SETTLED: Final = "settled"
"""Nobody waits for an answer to a turn any more: it wants none, or the person has taken the floor since."""
ERASED: Final = "erased"
"""A reply is to be as if it had never been: the turn that it answers goes on."""
BROKEN_OFF: Final = "broken off"
"""A reply's model was lost in the middle of it: another reply to the same turn is to go on after its last words."""
ANNOUNCED: Final = "announced"
"""A reply was asked for that says given words."""


def taken(turn: int, mic_offset: int, *, waited_ms: float = 0.0, name: str = "") -> Item:
    """Return the mark of a turn that has ended; all sound before `mic_offset` is decided upon."""
    return Item(item=TAKEN, turn=turn, mic_offset=mic_offset, heard_ms=round(waited_ms), id=name)


def spoken_until(mark: Item) -> int:
    """Return where the last speech of a taken turn ended."""
    return mark.mic_offset - samples_of(mark.heard_ms, MIC_HZ)


def settled(turn: int) -> Item:
    """Return the mark of a turn that awaits no answer."""
    return Item(item=SETTLED, turn=turn)


def erased(reply: int) -> Item:
    """Return the mark of a reply that is to leave no trace."""
    return Item(item=ERASED, reply=reply)


def broken_off(reply: int, turn: int) -> Item:
    """Return the mark of a reply that another is to go on with."""
    return Item(item=BROKEN_OFF, turn=turn, reply=reply)


def announced(reply: int, name: str, words: str) -> Item:
    """Return the mark of a reply that says `words`."""
    return Item(item=ANNOUNCED, reply=reply, id=name, text=words)


def told(items: Iterable[Item]) -> list[Item]:
    """Return what people may be told of: who said and did what, in the order in which the conversation went."""
    return _calls_in_place([item for item in written(items) if item.role])


def marks(items: Iterable[Item], kind: str) -> list[Item]:
    """Return the marks of a kind, in order."""
    return [item for item in written(items) if not item.role and item.item == kind]


def written(items: Iterable[Item]) -> list[Item]:
    """Return each item once, in the order in which they were first written: what is written again keeps its time."""
    once = {item.SerializeToString(deterministic=True): item for item in items}
    return sorted(once.values(), key=lambda item: item.at_ms)


def _calls_in_place(items: list[Item]) -> list[Item]:
    """Put each call behind the turn that it belongs to, and behind what was said before it in the same response."""
    placed: list[Item] = []
    waiting: list[Item] = []
    for index, item in enumerate(items):
        if item.role == Item.ROLE_TOOL and _is_early(item, items[index + 1 :]):
            waiting.append(item)
            continue
        placed.append(item)
        ready = [call for call in waiting if not _is_early(call, items[index + 1 :])]
        placed += ready
        waiting = [call for call in waiting if call not in ready]
    return placed + waiting


def _is_early(call: Item, later: list[Item]) -> bool:
    return any(_precedes(item, call) for item in later)


def _precedes(item: Item, call: Item) -> bool:
    if item.role == Item.ROLE_USER:
        return item.turn <= call.turn
    return item.role == Item.ROLE_ASSISTANT and 0 < item.reply <= call.reply
