"""The figures: each beside its goal, with what was tried and what was missed of it."""

from __future__ import annotations

import json
import math

from tests.clients.measures import Gaps, Pulled
from tests.clients.report import Figure, as_json, gap_figures, pull_figures, silence_figures
from tests.clients.silences import Silences


def by_end(figures: list[Figure]) -> dict[str, Figure]:
    """Return figures by their last words."""
    return {figure.what.rpartition(", ")[2]: figure for figure in figures}


def test_what_was_missed_counts_as_endless() -> None:
    """Two of a hundred make the 99th percentile endless; one does not, but is told."""
    goals = {0.95: 120.0, 0.99: 250.0}
    for missed, met in ((1, True), (2, False)):
        found = Silences([100.0] * (100 - missed) + [math.inf] * missed, [5.0] * 100)
        figures = by_end(silence_figures("web", "late", found, goals))
        assert (figures["p95"].met, figures["p99"].met) == (True, met)
        assert {(each.tried, each.missed) for each in (figures["p95"], figures["p99"])} == {(100, missed)}
        assert (figures["worst"].met, figures["worst"].missed) == (True, 0)


def test_one_reply_whose_memory_is_unknown_misses_the_goal() -> None:
    """The worst counts there."""
    figure = by_end(silence_figures("web", "late", Silences([1.0] * 2, [5.0, math.inf]), {}))["worst"]
    assert (figure.met, figure.tried, figure.missed) == (False, 2, 1)


def test_pulls_and_gaps_that_were_not_measured_are_missed() -> None:
    """In each of their figures."""
    pulls = pull_figures("web", [Pulled(100.0, whole=True, in_history=True, same=True), Pulled()])
    gaps = gap_figures("web", [Gaps(0.001, whole=True), Gaps()])
    for figure in (*pulls, *gaps):
        assert (figure.met, figure.tried, figure.missed) == (False, 2, 1)
    whole = gap_figures("web", [Gaps(0.001, whole=True), Gaps(0.003, whole=True)])
    assert all(figure.met for figure in whole)


def test_the_report_is_json() -> None:
    """Which knows no infinity."""
    report = as_json(pull_figures("web", [Pulled()]), {"esp32": "no compiler"}, ["web pull: TimeoutError"])
    (back, _) = json.loads(json.dumps(report, allow_nan=False))["figures"]
    assert (back["found"], back["goal"], back["met"], back["tried"], back["missed"]) == (None, 1000, False, 1, 1)
