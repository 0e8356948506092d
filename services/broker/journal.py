"""Journal: the history stream as it stands in Redis, read in the order in which the conversation went.

A tool call and its result are written as soon as they are known, which may be before the words of the turn that they
belong to, and what Redis had lost is written again. Marks stand in it that are for a broker which takes over.
"""

from __future__ import annotations

from collections.abc import Iterable

from parley.v1 import session_pb2 as session


def told(items: Iterable[session.HistoryItem]) -> list[session.HistoryItem]:
    """Return what people may be told of: who said and did what, in order, without marks."""
    return [item for item in items if item.role]
