"""Figures: scores put together, by cell and in all, and held against the goals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Final

from tests.chaos.cluster import FAULTS, KILL, STOP
from tests.chaos.score import SPEAKER_HZ, Score
from tests.chaos.storm import STORM

CRASH_GAP_S: Final = 1.0
FREEZE_GAP_S: Final = 3.0
REPEATED_MS: Final = 100.0
"""Of one conversation's answers, where nobody but the first model has spoken them."""

Row = dict[str, Any]
_SAMPLES: Final = (
    "repeated_samples",
    "repeated_by_model",
    "skipped_samples",
    "skipped_by_model",
    "premature_samples",
    "stale_samples",
)


def run_row(score: Score) -> Row:
    """Return one conversation as a row of the report."""
    row = asdict(score)
    row |= row.pop("cell")
    row["gap_s"] = round(score.gap_s, 3)
    row["gaps_s"] = [round(gap_s, 3) for gap_s in score.gaps_s]
    for name in (
        "repeated_samples",
        "repeated_by_model",
        "skipped_samples",
        "skipped_by_model",
        "premature_samples",
        "stale_samples",
    ):
        row[name.replace("_samples", "") + "_ms"] = _ms(row.pop(name))
    row["worst_lag_ms"] = round(score.worst_lag_ms)
    return row


def cell_rows(scores: Sequence[Score]) -> list[Row]:
    """Return a row for each cell: stage, fault and moment."""
    cells: dict[tuple[str, str, str], list[Score]] = {}
    for score in scores:
        cells.setdefault((score.cell.stage, score.cell.fault, score.cell.moment), []).append(score)
    return [
        {"stage": stage, "fault": fault, "moment": moment, **_sums(several)}
        for (stage, fault, moment), several in cells.items()
    ]


def total_row(scores: Sequence[Score]) -> Row:
    """Return the row of all: gaps by fault."""
    gaps = {fault: _gap([s for s in scores if s.cell.fault == fault]) for fault in (*FAULTS, STORM)}
    return {**_sums(scores), "gap_s": {fault: gap for fault, gap in gaps.items() if gap["of"]}}


def goals(scores: Sequence[Score]) -> list[Row]:
    """Return each goal with what was found: {"goal", "wanted", "found", "met"}."""
    found = [
        _goal("conversations that went on, %", 100.0, _share(scores), lambda is_, goal: is_ >= goal),
        _goal("person's words lost", 0, sum(len(s.words_lost) for s in scores)),
        _goal("person's words repeated", 0, sum(len(s.words_repeated) for s in scores)),
        _goal(
            "reply repeated where it survives, ms at most",
            REPEATED_MS,
            max((_ms(s.repeated_samples) for s in scores), default=0.0),
        ),
        _goal("tool calls duplicated", 0, sum(s.calls_duplicated for s in scores)),
        _goal("stale samples after an interruption", 0, sum(s.stale_samples for s in scores)),
    ]
    for fault, what, most in ((KILL, "crash", CRASH_GAP_S), (STOP, "freeze", FREEZE_GAP_S)):
        if gaps := [s.gap_s for s in scores if s.cell.fault == fault]:
            found.append(_goal(f"gap after a {what}, p95, s", most, round(percentile(gaps, 95), 3)))
    return found


def storm_goals(scores: Sequence[Score]) -> list[Row]:
    """Return the goal of a storm: all go on."""
    return goals(scores)[:1]


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which so many per cent of the others are, or which is it: no value is made up."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _sums(scores: Sequence[Score]) -> Row:
    return {
        "conversations": len(scores),
        "continued": sum(score.continued for score in scores),
        "gap_s": _gap(scores),
        "words_lost": sum(len(score.words_lost) for score in scores),
        "words_repeated": sum(len(score.words_repeated) for score in scores),
        "reply_repeated_ms": max((_ms(score.repeated_samples) for score in scores), default=0.0),
        "reply_repeated_by_model_ms": max((_ms(score.repeated_by_model) for score in scores), default=0.0),
        "reply_skipped_ms": max((_ms(score.skipped_samples) for score in scores), default=0.0),
        "reply_skipped_by_model_ms": max((_ms(score.skipped_by_model) for score in scores), default=0.0),
        "reply_premature_ms": max((_ms(score.premature_samples) for score in scores), default=0.0),
        "tool_calls": sum(score.calls for score in scores),
        "tool_calls_duplicated": sum(score.calls_duplicated for score in scores),
        "stale_samples": sum(score.stale_samples for score in scores),
        "worst_lag_ms": round(max((score.worst_lag_ms for score in scores), default=0.0)),
        "missed_their_moment": sum(not score.was_in_moment for score in scores),
    }


def _gap(scores: Sequence[Score]) -> Row:
    """Give the gaps: of each conversation its longest, but in a storm of each answer its own."""
    gaps = [gap for score in scores for gap in (score.gaps_s if score.cell.fault == STORM else (score.gap_s,))]
    if not gaps:
        return {"of": 0}
    return {"p50": round(percentile(gaps, 50), 3), "p95": round(percentile(gaps, 95), 3), "of": len(gaps)}


def _goal(
    what: str,
    wanted: float,
    found: float,
    holds: Callable[[float, float], bool] = lambda found, wanted: found <= wanted,
) -> Row:
    return {"goal": what, "wanted": wanted, "found": found, "met": holds(found, wanted)}


def _share(scores: Sequence[Score]) -> float:
    return math.floor(1000 * sum(score.continued for score in scores) / len(scores)) / 10 if scores else 0.0


def _ms(samples: int) -> float:
    return round(samples * 1000 / SPEAKER_HZ, 1)
