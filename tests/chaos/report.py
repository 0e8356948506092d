"""Report: the figures of the chaos as a table that can be read, and as a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tests.chaos.cluster import KILL
from tests.chaos.figures import Row
from tests.chaos.moments import Moment
from tests.chaos.score import Score

_LATE_MS: Final = 300.0
"""A machine that holds its clients up for longer has too much else to do: the gaps are its own."""
_NAME: Final = 20
_WIDTH: Final = 21
_FAULT: Final = 11


def table(report: dict[str, Any]) -> str:
    """Return the report for a person: a line for each stage and fault, a column for each moment."""
    parts = [_matrix(report["cells"])] if report["cells"] else []
    return "\n\n".join([*parts, _total(report["total"]), _goals(report["goals"])])


def summary(scores: Sequence[Score]) -> str:
    """Return what came of one round, in a line."""
    went_on = sum(score.continued for score in scores)
    harm = [
        (sum(len(score.words_lost) for score in scores), "words lost"),
        (sum(len(score.words_repeated) for score in scores), "words repeated"),
        (sum(score.repeated_samples for score in scores) // 24, "ms repeated"),
        (sum(score.skipped_samples for score in scores) // 24, "ms skipped"),
        (sum(score.calls_duplicated for score in scores), "calls duplicated"),
        (sum(score.stale_samples for score in scores), "stale samples"),
        (sum(not score.was_in_moment for score in scores), "not in their moment"),
    ]
    told = ", ".join(f"{count} {what}" for count, what in harm if count) or "nothing lost"
    gap_s = max((score.gap_s for score in scores), default=0.0)
    lag_ms = max((score.worst_lag_ms for score in scores), default=0.0)
    late = f" (our own clients were late by {lag_ms / 1000:.1f} s)" if lag_ms > _LATE_MS else ""
    return f"{went_on} of {len(scores)} went on, gap ≤ {gap_s:.2f} s, {told}{late}"


def problems(scores: Sequence[Score]) -> list[str]:
    """Return a line for each conversation that has suffered something that none should."""
    lines = []
    for score in scores:
        what = [score.why_not] * (not score.continued)
        what += [f"lost: {', '.join(score.words_lost)}"] * bool(score.words_lost)
        what += [f"repeated: {', '.join(score.words_repeated)}"] * bool(score.words_repeated)
        what += [f"{score.calls_duplicated} tool calls duplicated"] * bool(score.calls_duplicated)
        what += [f"{score.stale_samples} stale samples"] * bool(score.stale_samples)
        calm = score.cell.stage != "ingress" and score.cell.fault in ("", KILL)
        what += [f"its client came back: {why}" for why in score.reconnected if calm]
        if what:
            place = f"{score.victim or score.cell.stage} {score.cell.fault}, {score.cell.moment}"
            lines.append(f"{place} (session {score.session or '-'}): {'; '.join(what)}")
    return lines


def _matrix(cells: Sequence[Row]) -> str:
    moments = [moment.value for moment in Moment]
    by_place: dict[tuple[str, str], dict[str, Row]] = {}
    for cell in cells:
        by_place.setdefault((cell["stage"], cell["fault"]), {})[cell["moment"]] = cell
    head = f"{'':{_NAME}}" + "".join(f"{moment:>{_WIDTH}}" for moment in moments)
    rows = [
        f"{stage:<{_NAME - _FAULT}}{fault:<{_FAULT}}" + "".join(f"{_shown(row.get(m)):>{_WIDTH}}" for m in moments)
        for (stage, fault), row in by_place.items()
    ]
    legend = "Each cell: conversations that went on / held, the longest gap in seconds, and marks for what went wrong:"
    marks = "L words lost, R words repeated, r > 100 ms of a reply repeated, D tool calls duplicated, S stale samples"
    return "\n".join([head, *rows, "", legend, marks])


def _shown(cell: Row | None) -> str:
    if cell is None:
        return "–"
    marks = "L" * bool(cell["words_lost"]) + "R" * bool(cell["words_repeated"])
    marks += "r" * (cell["reply_repeated_ms"] > 100) + "D" * bool(cell["tool_calls_duplicated"])
    marks += "S" * bool(cell["stale_samples"])
    return f"{cell['continued']}/{cell['conversations']}  {cell['gap_s']['p95']:.2f}{f' {marks}' if marks else ''}"


def _total(total: Row) -> str:
    lines = [f"{'conversations':<46}{total['conversations']:>10}", f"{'went on':<46}{total['continued']:>10}"]
    for fault, gap in total["gap_s"].items():
        for name in ("p50", "p95"):
            lines.append(f"{f'gap after {fault}, {name}, s':<46}{gap[name]:>10.2f}")
    for title, key in (
        ("words lost", "words_lost"),
        ("words repeated", "words_repeated"),
        ("reply repeated where it survives, ms at most", "reply_repeated_ms"),
        ("reply skipped where it survives, ms at most", "reply_skipped_ms"),
        ("reply repeated where a model went on, ms", "reply_repeated_by_model_ms"),
        ("reply skipped where a model went on, ms", "reply_skipped_by_model_ms"),
        ("answers to half an utterance heard, ms", "reply_premature_ms"),
        ("tool calls", "tool_calls"),
        ("tool calls duplicated", "tool_calls_duplicated"),
        ("stale samples", "stale_samples"),
        ("not in their moment when it struck", "missed_their_moment"),
        ("our own clients late by, ms at most", "worst_lag_ms"),
    ):
        lines.append(f"{title:<46}{total[key]:>10}")
    return "\n".join(lines)


def _goals(goals: Sequence[Row]) -> str:
    head = f"{'goal':<46}{'wanted':>10}{'found':>10}{'met':>6}"
    lines = [
        f"{goal['goal']:<46}{goal['wanted']:>10g}{goal['found']:>10g}{'yes' if goal['met'] else 'NO':>6}"
        for goal in goals
    ]
    return "\n".join([head, *lines])
