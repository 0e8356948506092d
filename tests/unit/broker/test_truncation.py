"""Truncation: the model's memory is cut to what was heard, by whatever means its server has."""

from __future__ import annotations

from typing import Any

import pytest

from services.broker.upstream.capabilities import Capabilities
from tests.unit.broker.scene import Scene


def cut_off(heard_ms: int, *, items: int = 1, **can: Any) -> Scene:
    """A reply of four words of 500 ms in each item is cut off; the scene begins when nothing was sent about that."""
    scene = Scene(aligned=True, capabilities=Capabilities(**can))
    scene.turn(1, item="u1")
    scene.transcript("u1", "count")
    scene.created("r1")
    for number in range(1, items + 1):
        scene.item("r1", f"a{number}")
        for word in ("one", " two", " three", " four"):
            scene.speak("r1", f"a{number}", 500, word)
        scene.item_done("r1", f"a{number}")
    scene.done("r1")
    scene.sent.clear()
    scene.interrupt(1)
    scene.played(1, heard_ms, seq=1)
    return scene


def test_an_item_is_cut_where_it_fell_silent() -> None:
    """To the millisecond, rounded down."""
    scene = cut_off(1000)
    assert scene.memory_edits == [("a1", 1000)]
    assert scene.of("conversation.item.truncate")[0]["content_index"] == 0


@pytest.mark.parametrize(("heard_ms", "edits"), [(0, [None, None]), (700, [700, None]), (2500, [500])])
def test_of_several_items_one_is_cut_and_later_ones_go(heard_ms: int, edits: list[int | None]) -> None:
    """Earlier ones stay as they are."""
    scene = cut_off(heard_ms, items=2)
    assert [ms for _, ms in scene.memory_edits] == edits
    assert [item for item, _ in scene.memory_edits] == ["a1", "a2"][-len(edits) :]


def test_a_server_that_can_not_cut_is_told_what_was_heard_instead() -> None:
    """In the place of the item, which goes: first the new one, for its place is after the old."""
    scene = cut_off(1000, can_truncate=False)
    assert [event["type"] for event in scene.sent] == ["conversation.item.create", "conversation.item.delete"]
    create, delete = scene.sent
    assert create["previous_item_id"] == delete["item_id"] == "a1"
    assert create["item"] == {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "one two"}],
    }


def test_where_no_word_was_heard_nothing_takes_its_place() -> None:
    """A tenth of a second is no word."""
    scene = cut_off(100, can_truncate=False)
    assert [event["type"] for event in scene.sent] == ["conversation.item.delete"]


def test_a_server_that_can_neither_cut_nor_delete_is_left_alone() -> None:
    """Adding what was heard would make it twice; history is right all the same."""
    scene = cut_off(1000, can_truncate=False, can_delete=False)
    assert scene.sent == []
    assert scene.said[-1] == ("assistant", "one two")


def test_a_server_that_can_only_cut_keeps_what_was_never_heard() -> None:
    """Nothing is sent that it would refuse."""
    scene = cut_off(700, items=2, can_delete=False)
    assert scene.memory_edits == [("a1", 700)]


def test_what_was_heard_whole_is_left_alone() -> None:
    """The interrupt came after its last sample."""
    assert cut_off(2000).sent == []
