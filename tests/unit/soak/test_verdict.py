"""The verdict: what is held against what, and what is said of it."""

from __future__ import annotations

from collections import Counter

from tests.soak.guest import Visit
from tests.soak.manners import Act, Leaving
from tests.soak.probe import RING, WATCHED, Figures, Look
from tests.soak.verdict import TOLERANCES, Goal, Row, broken_connections, cancelled, goals, rows

BEGAN_S = 1000.0
SEATS = 50


def looks(**growth: float) -> list[Look]:
    """Return an hour of looks; `growth` is what a figure of ingress gains in it."""
    found = []
    for number in range(61):
        figures: Figures = dict.fromkeys(("rss_mb", "fds", "threads", "tasks", "sessions", "cancelled_reads"), 50.0)
        figures["parked"] = 3.0
        grown = {name: figures[name] + gains * number / 60 for name, gains in growth.items()}
        found.append(Look(number * 60.0, {name: {**figures} for name in WATCHED} | {"ingress": {**figures, **grown}}))
    return found


def visits(count: int = 60, *, broken: int = 0, failure: str = "") -> list[Visit]:
    """Return visits, one a minute; some broke off, and the last one has failed if it has."""
    found = [
        Visit([(BEGAN_S + number * 60, 1.0)], [(BEGAN_S + number * 60, 0.01)], Counter({Leaving.POLITE.value: 1}))
        for number in range(count)
    ]
    for visit in found[:broken]:
        visit.done[Act.BREAK.value] += 1
    found[-1].failure = failure
    return found


def missed(seen: list[Look], came: list[Visit], left: tuple[str, ...] = ()) -> list[Goal]:
    """Return the goals that are not met."""
    return [goal for goal in goals(rows(seen, came, BEGAN_S), seen, came, left, SEATS) if not goal.is_met]


def test_a_quiet_house_is_well() -> None:
    """Every goal is met, and every figure of every process has its row."""
    assert missed(looks(), visits()) == []
    judged = {(row.process, row.figure) for row in rows(looks(), visits(), BEGAN_S)}
    assert judged == {
        (name, figure) for name in WATCHED for figure in looks()[0].found[name] if figure in TOLERANCES
    } | {
        ("clients", "answer_s"),
        ("clients", "silence_s"),
    }


def test_what_grows_is_named() -> None:
    """A leak of memory, and one of descriptors."""
    (goal,) = missed(looks(rss_mb=30, fds=40), visits())
    assert (goal.what, goal.found) == ("nothing grows", "ingress rss_mb, ingress fds")


def test_people_who_wait_longer_and_longer_are_growth() -> None:
    """By the moment at which each was answered."""
    came = visits()
    for number, visit in enumerate(came):
        visit.answers_s = [(BEGAN_S + number * 60, 1.0 + number / 60)]
    (goal,) = missed(looks(), came)
    assert goal.found == "clients answer_s"


def test_a_cancelled_read_needs_a_client_that_broke_off() -> None:
    """At ingress one each; at any other stage none is."""
    assert missed(looks(cancelled_reads=5), visits(broken=5)) == []
    (goal,) = missed(looks(cancelled_reads=6), visits(broken=5))
    assert goal.found == "6 of 60 conversations, in which clients broke off 5 times"
    elsewhere = looks()
    elsewhere[-1].found["vad"]["cancelled_reads"] += 1
    assert len(missed(elsewhere, visits(broken=5))) == 1
    assert cancelled([]) == dict.fromkeys(RING, 0.0)
    assert broken_connections(visits(broken=5)) == 5


def test_empty_seats_are_told() -> None:
    """Who waits for its client does not sit in one."""
    emptied = looks()
    for each in emptied:
        each.found["ingress"]["parked"] = 15.0
    (goal,) = missed(emptied, visits())
    assert goal.found == "70% of them were taken"


def test_failures_leftovers_and_too_little_to_judge_are_told() -> None:
    """Each by a goal of its own."""
    (failed,) = missed(looks(), visits(failure="an answer was waited for 30 s in vain"))
    assert failed.found == "an answer was waited for 30 s in vain"
    (left,) = missed(looks(), visits(), ("session s still has its owner",))
    assert left.found == "session s still has its owner"
    (few,) = missed(looks(), visits(5))
    assert few.found == "clients answer_s, clients silence_s"
    assert {goal.what for goal in missed([], visits())} == {"the seats are never empty"}
    assert rows([], visits(), BEGAN_S) == []
    assert Row("vad", "fds", None).trend is None
