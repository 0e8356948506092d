"""The journal: read in the order in which the conversation went, whatever order, and however often, it was written."""

from __future__ import annotations

import random

from parley.v1 import session_pb2 as session
from services.broker import journal

Item = session.HistoryItem
CALLED, DONE = session.ToolCall.STATUS_CALLED, session.ToolCall.STATUS_DONE


def person(at_ms: int, turn: int) -> Item:
    """Return a turn."""
    return Item(role=Item.ROLE_USER, turn=turn, text=f"turn {turn}", at_ms=at_ms)


def reply(at_ms: int, number: int, turn: int) -> Item:
    """Return a reply."""
    return Item(role=Item.ROLE_ASSISTANT, turn=turn, reply=number, text=f"reply {number}", at_ms=at_ms)


def tool(at_ms: int, number: int, turn: int, status: session.ToolCall.Status.ValueType) -> Item:
    """Return a call by a reply, or its result."""
    call = session.ToolCall(call_id="c", name="look", status=status)
    return Item(role=Item.ROLE_TOOL, turn=turn, reply=number, tool=call, at_ms=at_ms)


def test_a_call_stands_behind_its_turn_and_what_was_said_before_it() -> None:
    """It was written first: the words of its turn, and what was heard of the reply that made it, came later."""
    called, done = tool(2, 1, 1, CALLED), tool(3, 1, 1, DONE)
    asked, let_me_see, so_it_is = person(4, 1), reply(5, 1, 1), reply(6, 2, 1)
    next_turn, its_call = person(8, 2), tool(7, 3, 2, CALLED)
    items = [journal.taken(1, 100), called, done, asked, let_me_see, so_it_is, its_call, next_turn]
    assert journal.told(items) == [asked, let_me_see, called, done, so_it_is, next_turn, its_call]


def test_a_call_that_said_nothing_before_waits_for_no_reply() -> None:
    """Its response made no sound: what is said next comes after it."""
    items = [person(1, 1), tool(2, 1, 1, CALLED), tool(3, 1, 1, DONE), reply(4, 2, 1)]
    assert journal.told(items) == items


def test_what_is_written_again_counts_once_and_in_its_place() -> None:
    """Redis lost all, or the last: then everything stands there again, behind what revealed the loss."""
    items = [person(1, 1), reply(2, 1, 1), person(3, 2), reply(4, 2, 2)]
    again = [items[3], *items]
    assert journal.told(again) == items
    random.Random(1).shuffle(again)
    assert journal.told(again) == items


def test_marks_are_for_brokers_only() -> None:
    """People are told of none; each kind is found by itself."""
    first = journal.taken(1, 100, waited_ms=5)
    marks = [first, journal.settled(1), journal.erased(1), journal.announced(1, "a", "Hi.")]
    for at_ms, mark in enumerate(marks):
        mark.at_ms = at_ms
    assert journal.told(marks) == []
    kinds = (journal.TAKEN, journal.SETTLED, journal.ERASED, journal.ANNOUNCED)
    assert [journal.marks(marks, kind) for kind in kinds] == [[mark] for mark in marks]
    assert journal.spoken_until(first) == 20
