"""Which server is called next, and after what pause."""

from __future__ import annotations

from clients.desktop.doors import LONGEST_ANSWER_S, LONGEST_PAUSE_S, Doors


def whole() -> float:
    """No pause is shortened."""
    return 1.0


def calls(doors: Doors, count: int) -> list[tuple[str, float]]:
    """Return the next calls: address and pause."""
    return [(call.address, call.pause_s) for call in (doors.next() for _ in range(count))]


def test_addresses_are_taken_as_a_person_writes_them() -> None:
    """With commas, and blanks if they like."""
    assert Doors("a:1, ws://b:2,").addresses == ("a:1", "ws://b:2")


def test_all_are_called_at_once_and_then_after_growing_pauses() -> None:
    """Only when everyone has refused there is a pause; it doubles up to 0.8 s."""
    doors = Doors("a:1,b:2", whole)
    doors.seek(elsewhere=False, lasted_s=100)
    assert calls(doors, 4) == [("a:1", 0.0), ("b:2", 0.0), ("a:1", 0.25), ("b:2", 0.0)]
    assert [pause for _, pause in calls(doors, 8)][::2] == [0.5, LONGEST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
    assert calls(doors, 100)[-2][1] == LONGEST_PAUSE_S


def test_a_pause_is_anywhere_between_half_and_whole() -> None:
    """Else all that lost the same server call the next one in step."""
    for chance, pause_s in ((0.0, 0.125), (0.5, 0.1875), (1.0, 0.25)):
        doors = Doors("a:1", lambda chance=chance: chance)  # type: ignore[misc]
        doors.seek(elsewhere=False, lasted_s=100)
        assert calls(doors, 2)[1] == ("a:1", pause_s)


def test_a_silent_server_is_not_called_first() -> None:
    """The next one is; alone it is called all the same."""
    doors = Doors("a:1,b:2,c:3")
    doors.seek(elsewhere=True, lasted_s=100)
    assert [address for address, _ in calls(doors, 3)] == ["b:2", "c:3", "a:1"]
    alone = Doors("a:1", whole)
    alone.seek(elsewhere=True, lasted_s=100)
    assert calls(alone, 2) == [("a:1", 0.0), ("a:1", 0.25)]


def test_a_connection_that_breaks_at_once_again_and_again_is_made_with_pauses() -> None:
    """Pauses begin anew only after one that has lasted."""
    doors = Doors("a:1", whole)
    pauses = []
    for lasted_s in (0.1, 0.1, 0.1, 5.0, 0.1):
        doors.seek(elsewhere=False, lasted_s=lasted_s)
        pauses.append(doors.next().pause_s)
    assert pauses == [0.0, 0.25, 0.5, 0.0, 0.25]


def test_servers_that_keep_silent_are_given_more_time() -> None:
    """Once each has; a refusal says nothing of the kind."""
    doors = Doors("a:1,b:2")
    doors.seek(elsewhere=False, lasted_s=100)
    assert [doors.next().answer_s for _ in range(3)] == [2.0, 2.0, 2.0]
    for _ in range(2):
        doors.unanswered()
    assert doors.next().answer_s == 4.0
    for _ in range(40):
        doors.unanswered()
    assert doors.next().answer_s == LONGEST_ANSWER_S
