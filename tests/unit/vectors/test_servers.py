"""A scene's servers: which call is answered by what, and what a network that goes away does to calls."""

from __future__ import annotations

from typing import Any

from tests.vectors.journal import Journal, Sent
from tests.vectors.scenes import Scene, Step
from tests.vectors.servers import Call, Doing, Servers

OPENED: dict[str, Any] = {"opened": {}}
RESUMED: dict[str, Any] = {"opened": {"resumed": True}}


def servers(answers: list[Any], *happenings: Step) -> Servers:
    """Return the servers of a scene."""
    return Servers(Scene("f", "n", "w", frozenset(), {"answers": answers}, happenings, ()), Journal())


def opens(playing: Servers, at_ms: int) -> Call:
    """Call, and open a conversation."""
    call = playing.rings(at_ms)
    assert call is not None
    playing.takes(call, at_ms, lambda at_ms, number: Sent(at_ms, number, {"open": {}}))
    return call


def done(playing: Servers, at_ms: int) -> list[tuple[str, int, str]]:
    """Return what is done at a moment: what, over which call, and which message."""
    return [
        (doing.what, doing.call.number, next(iter(doing.message), ""))
        if isinstance(doing, Doing)
        else (doing.kind, 0, "")
        for doing in playing.moment(at_ms)
    ]


def test_a_call_that_is_refused_counts_among_those_that_reached_a_server() -> None:
    """So the next one has the next answer."""
    playing = servers([OPENED, "refused", RESUMED])
    assert opens(playing, 0).number == 1
    assert playing.rings(100) is None
    assert opens(playing, 200).number == 3


def test_a_call_is_answered_in_time_and_beats_each_second() -> None:
    """A tick after its `open`; the beats count from there."""
    playing = servers([OPENED])
    call = opens(playing, 0)
    assert [done(playing, at_ms) for at_ms in (0, 20, 1000, 1020)] == [
        [],
        [("say", 1, "opened")],
        [],
        [("say", 1, "heartbeat")],
    ]
    call.over = True
    assert done(playing, 2020) == []


def test_a_network_that_is_down_breaks_calls_off_and_lets_none_through() -> None:
    """A call made meanwhile is none that reached a server."""
    playing = servers([OPENED, RESUMED], Step(100, "network", "down"), Step(200, "network", "up"))
    call = opens(playing, 0)
    done(playing, 20)
    assert done(playing, 100) == [("cut", 1, "")]
    assert call.over
    assert playing.rings(120) is None
    assert done(playing, 200) == []
    assert opens(playing, 220).number == 2


def test_a_network_that_vanishes_tells_nobody() -> None:
    """Neither who stands nor who calls; what is sent is lost, and so is what is to be said."""
    say = Step(200, "server", {"notice": {}})
    playing = servers([OPENED], Step(100, "network", "vanish"), say)
    call = opens(playing, 0)
    done(playing, 20)
    assert done(playing, 100) == done(playing, 200) == []
    assert (call.lost, call.over) == (True, False)
    assert opens(playing, 220).number == 0


def test_what_the_person_does_is_handed_back() -> None:
    """At its moment, after what the servers do."""
    playing = servers([OPENED], Step(20, "mic", "speech"), Step(20, "person", {"interrupt": {}}))
    opens(playing, 0)
    assert [kind for kind, *_ in done(playing, 20)] == ["say", "mic", "person"]
