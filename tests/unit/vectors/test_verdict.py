"""The verdict on a scene: each kind of expectation sees what fits and finds what does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.vectors.journal import Journal, Sent
from tests.vectors.scenes import PIECE_SAMPLES, TICK_MS, Scene, Step, reply_pcm
from tests.vectors.verdict import _LOOKS, NONE, SAMPLES_PER_MS, Slack, faults_of, matches


def faults(step: Step, journal: Journal, slack: Slack = NONE) -> list[str]:
    """Return what the verdict on one expectation is."""
    return faults_of(Scene("f", "n", "w", frozenset(), {}, (), (step,)), journal, slack=slack)


def said(*messages: dict[str, Any], at_ms: int = 100) -> Journal:
    """Return the journal of a client that sent this, a tick apart."""
    return Journal(sent=[Sent(at_ms + number * TICK_MS, 1, message) for number, message in enumerate(messages)])


def mic(*offsets: int, silent: bool = True) -> Journal:
    """Return the journal of a client whose frames of 320 samples begin there."""
    return Journal(sent=[Sent(100, 1, {"audio": {"micOffset": str(at)}}, 320, silent) for at in offsets])


def played(position: int, gain: float = 1.0, ticks: int = 2) -> Journal:
    """Return the journal of a client whose speaker was given reply 1 from a position on."""
    pieces = [reply_pcm(1, position + number * PIECE_SAMPLES, PIECE_SAMPLES) * gain for number in range(ticks)]
    return Journal(output={100 + n * TICK_MS: np.rint(piece).astype(np.int16) for n, piece in enumerate(pieces)})


FLUSHED = {"flushed": {"seq": "1", "position": {"min": 480, "max": 960}}}
CASES: list[tuple[str, Any, Journal, Journal]] = [
    ("expect", FLUSHED, said({"flushed": {"seq": 1, "position": 960}}), said({"flushed": {"seq": 1}})),
    ("expect_mic", {"from": 640, "silent": True}, mic(640, 960), mic(640, 960, silent=False)),
    ("expect_mic", {"from": 640}, mic(640, 960), mic(320, 640)),
    ("expect_mic", {}, mic(640, 960), mic(640, 1280)),
    ("expect_mic", {}, mic(640), Journal()),
    ("expect_first", [{"open": {"resume": "t"}}], said({"open": {"resume": "t"}}), said({"end": {}}, {"open": {}})),
    ("expect_output", {"silent": True}, Journal(), played(0)),
    ("expect_output", {"reply": 1, "from": 480}, played(480), played(481)),
    ("expect_output", {"reply": 1, "gain_db": -20}, played(0, gain=0.1), played(0)),
    ("expect_heard", {"reply": 1, "from": 0, "to": 960}, played(0), played(0, ticks=1)),
    ("expect_heard", {"reply": 1, "from": 0, "to": 960}, played(0), played(20)),
    ("expect_calls", {"times": 1}, Journal(calls_ms=[100]), Journal(calls_ms=[100, 120])),
    ("expect_calls", {"apart_ms": {"min": 20}}, Journal(calls_ms=[100, 120]), Journal(calls_ms=[100, 110])),
    ("expect_state", "conversation", Journal(states={120: "conversation"}), Journal(states={120: "resuming"})),
]


@pytest.mark.parametrize(("kind", "what", "fitting", "failing"), CASES)
def test_what_fits_is_seen_and_what_does_not_is_found(kind: str, what: Any, fitting: Journal, failing: Journal) -> None:
    """One line is said of the client that fails, none of the one that does as it should."""
    step = Step(100, kind, what, within_ms=TICK_MS)
    assert faults(step, fitting) == []
    assert len(faults(step, failing)) == 1


def test_every_kind_of_expectation_is_tried() -> None:
    """None that is new is left out above."""
    assert {kind for kind, *_ in CASES} == set(_LOOKS)


def test_what_must_not_come_is_found() -> None:
    """So many times and no more; what comes too early or too late is not counted."""
    never = Step(100, "expect", {"end": {}}, within_ms=TICK_MS, times=0)
    assert faults(never, said({"end": {}}, at_ms=140)) == []
    assert len(faults(never, said({"end": {}}))) == 1


def test_slack_is_of_places_alone() -> None:
    """In real time a position may be another; a count may not, and what never may be told is found all the same."""
    slack = 1000 * SAMPLES_PER_MS
    wanted = {"underruns": {"min": 1}, "position": {"min": 480}, "playhead": {"reply": {"max": 2}, "position": 24_000}}
    assert matches(wanted, {"underruns": 1, "playhead": {"reply": 2, "position": 24_000}}, slack)
    assert not matches(wanted, {"underruns": 0, "position": 480, "playhead": {"reply": 2, "position": 24_000}}, slack)
    assert not matches(wanted, {"underruns": 1, "playhead": {"reply": 3, "position": 24_000}}, slack)
    never = Step(100, "expect", {"playback": {"underruns": {"min": 1}}}, within_ms=2600, times=0)
    assert faults(never, said({"playback": {"position": 480}}, at_ms=1500), Slack(1000, 1000)) == []
    assert len(faults(never, said({"playback": {"underruns": 1}}, at_ms=1500), Slack(1000, 1000))) == 1


def test_a_call_that_belongs_to_what_comes_later_is_not_too_much() -> None:
    """In real time one that is wanted may be late, and the one after it comes in its own time."""
    once = Step(100, "expect_calls", {"times": 1}, within_ms=1000)
    slack = Slack(late_ms=300, left_ms=300)
    for calls_ms, is_good in (([120, 1300], True), ([1300], True), ([500, 900], False), ([], False)):
        assert (faults(once, Journal(calls_ms=calls_ms), slack) == []) == is_good


def test_what_is_wanted_may_be_late_and_what_must_not_come_left_over() -> None:
    """Each by its own measure: patience with a slow machine lets nothing through that should never be sent."""
    slack = Slack(late_ms=6000, left_ms=300)
    wanted, never = (Step(100, "expect", {"end": {}}, within_ms=1000, times=times) for times in (None, 0))
    for at_ms, is_wanted, is_allowed in (
        (300, True, True),
        (500, True, False),
        (5000, True, True),
        (7200, False, True),
    ):
        journal = said({"end": {}}, at_ms=at_ms)
        assert (faults(wanted, journal, slack) == []) == is_wanted
        assert (faults(never, journal, slack) == []) == is_allowed
