"""Figures and the report: what is put together, and which goals are met."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tests.chaos import figures, report
from tests.chaos.chaos import Chaos, Options
from tests.chaos.moments import Moment
from tests.chaos.score import Score, score
from tests.chaos.takes import Cell
from tests.unit.chaos.takes import perfect

GOOD = score(perfect().take(), {})


def scored(stage: str, fault: str, moment: Moment, gap_s: float = 0.2, times: int = 1) -> list[Score]:
    """Scores of one cell."""
    return [replace(GOOD, cell=Cell(stage, fault, moment, n), gaps_s=(0.1, gap_s)) for n in range(times)]


def test_percentiles_are_values_that_were_found() -> None:
    """The 95th of twenty is the nineteenth."""
    values = [float(n) for n in range(20, 0, -1)]
    assert (figures.percentile(values, 50), figures.percentile(values, 95)) == (10, 19)
    assert figures.percentile([3.0], 95) == 3


def test_a_row_for_each_cell() -> None:
    """All its repetitions in one, the gap by percentile."""
    scores = scored("vad", "kill", Moment.SPEAKING, times=5) + scored("vad", "stop", Moment.SPEAKING, 2.0)
    first, second = figures.cell_rows(scores)
    assert (first["stage"], first["fault"], first["moment"]) == ("vad", "kill", "person speaking")
    assert (first["conversations"], first["continued"], first["gap_s"]) == (5, 5, {"p50": 0.2, "p95": 0.2, "of": 5})
    assert second["gap_s"]["p95"] == 2.0


def test_gaps_are_told_by_fault() -> None:
    """One that was not inflicted has none."""
    total = figures.total_row(scored("vad", "kill", Moment.SPEAKING, 0.5) + scored("vad", "slow", Moment.TOOL, 4.0))
    assert {fault: gap["p95"] for fault, gap in total["gap_s"].items()} == {"kill": 0.5, "slow": 4.0}


def test_all_goals_are_met() -> None:
    """Where nothing is amiss."""
    scores = scored("vad", "kill", Moment.SPEAKING, 0.9) + scored("vad", "stop", Moment.SPEAKING, 2.9)
    assert all(goal["met"] for goal in figures.goals(scores))
    assert len(figures.goals(scores)) == 8


def test_each_goal_can_be_missed() -> None:
    """By one harm, which misses that goal alone."""
    harms = {
        "conversations that went on, %": {"continued": False},
        "person's words lost": {"words_lost": ("river",)},
        "person's words repeated": {"words_repeated": ("river",)},
        "reply repeated where it survives, ms at most": {"repeated_samples": 2_500},
        "tool calls duplicated": {"calls_duplicated": 1},
        "stale samples after an interruption": {"stale_samples": 1},
        "gap after a crash, p95, s": {"gaps_s": (1.1,)},
    }
    for name, harm in harms.items():
        (bad,) = scored("broker", "kill", Moment.TOOL)
        missed = [goal["goal"] for goal in figures.goals([replace(bad, **harm)]) if not goal["met"]]  # type: ignore[arg-type]
        assert missed == [name]
    assert [g["met"] for g in figures.goals(scored("vad", "stop", Moment.TOOL, 3.1)) if "freeze" in g["goal"]] == [
        False
    ]


def test_almost_all_is_not_all() -> None:
    """The share of those that went on is rounded down."""
    scores = scored("vad", "kill", Moment.SPEAKING, times=3000)
    scores[7] = replace(scores[7], continued=False)
    assert figures.goals(scores)[0]["found"] == 99.9


def test_of_a_storm_every_answers_gap_counts() -> None:
    """Its one goal is that all go on."""
    scores = [replace(GOOD, cell=Cell("any", "storm", "any"), gaps_s=(0.0, 0.0, 7.0))]
    assert figures.total_row(scores)["gap_s"]["storm"] == {"p50": 0.0, "p95": 7.0, "of": 3}
    assert [goal["met"] for goal in figures.storm_goals(scores)] == [True]


def test_the_report_can_be_read_and_written() -> None:
    """Every cell has its place, marks say what went wrong, and all of it is JSON."""
    bad = replace(scored("broker", "kill", Moment.TOOL, 20.0)[0], continued=False, why_not="it ended", stale_samples=9)
    scores = [*scored("vad", "kill", Moment.SPEAKING, times=2), bad]
    found = {
        "cells": figures.cell_rows(scores),
        "total": figures.total_row(scores),
        "goals": figures.goals(scores),
        "runs": [figures.run_row(score) for score in scores],
    }
    shown = report.table(found)
    assert "2/2  0.20" in shown
    assert "0/1  20.00 S" in shown
    assert "NO" in shown
    assert json.loads(json.dumps(found))["runs"][2]["stale_ms"] == 0.4
    assert report.summary(scores) == "2 of 3 went on, gap ≤ 20.00 s, 9 stale samples"
    assert report.problems(scores) == ["vad-2 kill, tool running (session s): it ended; 9 stale samples"]


def test_the_command_line_chooses_the_plans() -> None:
    """One stage, one fault, or everything."""

    def plans(**options: object) -> set[tuple[str, str]]:
        chaos = Chaos(Options(Path("x"), **options), print)  # type: ignore[arg-type]
        return {(plan.stage, plan.fault) for plan in chaos._plans(("kill", "stop"))}

    assert plans(only=("vad", "")) == {("vad", "kill"), ("vad", "stop")}
    assert plans(only=("vad", "stop")) == {("vad", "stop")}
    assert len(plans()) == len(plans(short=True)) == 12
