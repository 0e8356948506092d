"""The report: a table for people, JSON for programs, curves for the eye."""

from __future__ import annotations

import io
import os
import platform
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from tests.soak.guest import Visit
from tests.soak.house import HISTORY_S, LOOKS_UP_S, RESUME_S
from tests.soak.probe import RING, WATCHED, Look
from tests.soak.soak import WARM_UP_S, Record
from tests.soak.verdict import CLIENTS, Goal, Row, broken_connections, cancelled

USED: Final = (
    "one copy of each service and a Redis, as processes; the model is a scripted one that costs little "
    "(tests/soak/model.py: answers of 3 to 5 s all at once, every fifth looks something up first); the clients are the "
    "real one (clients/desktop) without sound, by turns over gRPC and WebSocket; speech is synthesised"
)

_PICTURE: Final = (11.0, 9.0)
_DPI: Final = 110
_PANELS: Final = (
    ("rss_mb", "memory, MB", WATCHED),
    ("tasks", "tasks", RING),
    ("fds", "descriptors", WATCHED),
    ("sessions", "sessions", RING),
)


def table(rows: Sequence[Row], goals: Sequence[Goal]) -> str:
    """Return it in columns."""
    lines = [f"{'':9}{'figure':14}{'2nd fifth':>11}{'last fifth':>11}{'change':>9}{'may grow':>9}{'slope/h':>10}"]
    for row in rows:
        if (trend := row.trend) is None:
            lines.append(f"{row.process:9}{row.figure:14}{'too few samples':>22}")
            continue
        change = trend.after - trend.before
        lines.append(
            f"{row.process:9}{row.figure:14}{trend.before:11.2f}{trend.after:11.2f}{change:+9.2f}"
            f"{trend.tolerance:9.2f}{trend.slope_per_hour:+10.2f}{'   GROWS' if trend.grows else ''}"
        )
    lines += ["", *(f"{'met   ' if goal.is_met else 'MISSED'}  {goal.what}: {goal.found}" for goal in goals)]
    return "\n".join(lines)


def document(record: Record, rows: Sequence[Row], goals: Sequence[Goal]) -> dict[str, Any]:
    """Return all of it."""
    plan = record.plan
    return {
        "used": USED,
        "settings": {
            "minutes": plan.minutes,
            "warm_up_s": WARM_UP_S,
            "conversations": plan.conversations,
            "look_s": plan.look_s,
            "seed": plan.seed,
            "PARLEY_RESUME_S": RESUME_S,
            "PARLEY_HISTORY_TTL_S": HISTORY_S,
            "tool_s": LOOKS_UP_S,
        },
        "machine": {
            "cores": os.cpu_count(),
            "processor": platform.processor() or platform.machine(),
            "python": platform.python_version(),
            "guests_worst_lag_ms": round(record.worst_lag_ms),
        },
        "met": all(goal.is_met for goal in goals),
        "goals": [vars(goal) for goal in goals],
        "figures": [_figure(row) for row in rows],
        "conversations": _visits(record.visits) | {"turned_away": record.turned_away},
        "cancelled_reads": cancelled(record.looks),
        "crashes": record.crashes,
        "looks": [{"at_s": round(each.at_s, 1), **each.found} for each in record.looks],
    }


def _figure(row: Row) -> dict[str, Any]:
    trend = row.trend
    if trend is None:
        return {"process": row.process, "figure": row.figure, "grows": None}
    return {
        "process": row.process,
        "figure": row.figure,
        "second_fifth": round(trend.before, 4),
        "last_fifth": round(trend.after, 4),
        "slope_per_hour": round(trend.slope_per_hour, 4),
        "tolerance": round(trend.tolerance, 4),
        "grows": trend.grows,
    }


def _visits(visits: Sequence[Visit]) -> dict[str, Any]:
    done: Counter[str] = sum((visit.done for visit in visits), Counter())
    answers = [took_s for visit in visits for _, took_s in visit.answers_s]
    silences = [took_s for visit in visits for _, took_s in visit.silences_s]
    return {
        "held": len(visits),
        "failures": [visit.failure for visit in visits if visit.failure],
        "done": dict(sorted(done.items())),
        "connections_broken": broken_connections(visits),
        "answers": len(answers),
        "answer_s_p50": round(statistics.median(answers), 3) if answers else None,
        "silence_ms_p50": round(1000 * statistics.median(silences), 1) if silences else None,
    }


def picture(record: Record) -> bytes:
    """Draw what was seen, as PNG."""
    figure = Figure(_PICTURE, layout="constrained")
    panels = figure.subplots(3, 2).flatten()
    minutes = [each.at_s / 60 for each in record.looks]
    for axes, (name, title, processes) in zip(panels, _PANELS, strict=False):
        for process in processes:
            axes.plot(minutes, [each.found[process][name] for each in record.looks], label=process)
        _finish(axes, title)
    _keys(panels[4], minutes, record.looks)
    for label, latencies in (
        ("question to answer", [one for visit in record.visits for one in visit.answers_s]),
        ("key to silence", [one for visit in record.visits for one in visit.silences_s]),
    ):
        at = [(at_s - record.began_s) / 60 for at_s, _ in latencies]
        panels[5].plot(at, [took_s for _, took_s in latencies], ".", markersize=2, label=label)
    _finish(panels[5], f"latency of the {CLIENTS}, s")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_DPI, metadata={"Software": None})
    return drawn.getvalue()


def _keys(axes: Any, minutes: Sequence[float], looks: Sequence[Look]) -> None:
    for kind in sorted(name for name in (looks[0].found["redis"] if looks else ()) if name.startswith("keys_")):
        axes.plot(minutes, [each.found["redis"][kind] for each in looks], label=kind.removeprefix("keys_"))
    _finish(axes, "keys in Redis")


def _finish(axes: Any, title: str) -> None:
    axes.set_title(title)
    axes.set_xlabel("minutes")
    axes.set_ylim(bottom=0)
    if axes.lines:
        axes.legend(fontsize="small")


def write(out: Path, text: str, drawn: bytes) -> Path:
    """Write the JSON, and the picture beside it; return where that is. Raises OSError."""
    out.write_text(text, encoding="utf-8")
    beside = out.with_suffix(".png")
    beside.write_bytes(drawn)
    return beside
