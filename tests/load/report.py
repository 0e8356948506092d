"""Report: the figures as a table that can be read, and as a file."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Final

_LATENCIES: Final = (
    ("added uplink, ms", "added_uplink_ms", ("p50", "p99")),
    ("added downlink, ms", "added_downlink_ms", ("p50", "p99")),
    ("interrupt to flushed, ms", "interrupt_to_flushed_ms", ("p50", "p99")),
    ("interrupt to truncate, ms", "interrupt_to_truncate_ms", ("p50", "p99")),
    ("end of speech to first sample, ms", "end_of_speech_to_first_sample_ms", ("p50", "p90")),
)
_HEARD: Final = "end_of_speech_to_first_sample_heard_ms"
_NAME_WIDTH: Final = 46
_WIDTH: Final = 10
_VERDICTS: Final = {True: "yes", False: "no", None: "too few"}


def save(report: dict[str, Any], path: Path) -> None:
    """Write the report, whole or not at all. Raises OSError."""
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1, ensure_ascii=False)
            file.write("\n")
        Path(partial).chmod(0o644)
        Path(partial).replace(path)
    except OSError:
        Path(partial).unlink(missing_ok=True)
        raise


def table(report: dict[str, Any]) -> str:
    """Return the report for a person: a column for each number of conversations."""
    parts = [_crowds(report)] if report["sessions"] else []
    if talk := report.get("talk"):
        parts.append(_talk(talk))
    return "\n\n".join(parts)


def _crowds(report: dict[str, Any]) -> str:
    steps = list(report["sessions"].values())
    lines = [_row("conversations", report["sessions"])]
    for title, key, names in _LATENCIES:
        lines += [_row(f"{title}, {name}", [step[key][name] for step in steps]) for name in names]
    services = steps[0]["cpu_s_per_conversation_s"]
    for name in services:
        milliseconds = [f"{step['cpu_s_per_conversation_s'][name] * 1000:.2f}" for step in steps]
        lines.append(_row(f"CPU ms per conversation-second, {name}", milliseconds))
    lines.append(_row("CPU µs per 20 ms frame, total", [f"{step['frame_cost_us']['total']:.0f}" for step in steps]))
    for name in steps[0]["rss_mb_per_session"]:
        lines.append(_row(f"memory MB per session, {name}", [step["rss_mb_per_session"][name] for step in steps]))
    for title, key in (
        ("frames late", "frames_late"),
        ("frames dropped", "frames_dropped"),
        ("load share", "load_share"),
    ):
        lines.append(_row(title, [step[key] for step in steps]))
    for title, key in (("ring", "others_cpu_s_per_s"), ("load", "others_beside_load_cpu_s_per_s")):
        lines.append(_row(f"other programs beside the {title}, cores", [step[key] for step in steps]))
    return "\n".join([*lines, "", *_limit(report)]).rstrip()


def _talk(talk: dict[str, Any]) -> str:
    """Return the talk's table: the whole of the wait, and its stages."""
    steps = list(talk["sessions"].values())
    lines = [f"with the ring's own engine ({talk['voice']})", _row("conversations", talk["sessions"])]
    for name in ("p50", "p95"):
        lines.append(_row(f"end of speech to first sample heard, ms, {name}", [step[_HEARD][name] for step in steps]))
    lines.append(_row(f"  p50 up to {talk['goal_ms']:g} ms", [_VERDICTS[step["goal_is_met"]] for step in steps]))
    for stage in steps[0]["stages_ms"] if steps else ():
        for name in ("p50", "p95"):
            lines.append(_row(f"  {stage}, {name}", [step["stages_ms"][stage][name] for step in steps]))
    for title, key in (("answers", "answers"), ("turns cut off", "cut_off_turns")):
        lines.append(_row(title, [step["counts"][key] for step in steps]))
    lines.append(_row("other programs, cores", [step["others_cpu_s_per_s"] for step in steps]))
    if engine := talk["engine"]:
        first = "{p50} / {p95}".format_map(_dashed(engine["commit_to_first_audio_ms"]))
        goal = f"p50 up to {engine['goal_ms']:g} ms; {engine['turns']} questions, by itself"
        lines.append(f"engine, commit to first audio, ms, p50 / p95: {first} ({goal})")
    return "\n".join(lines)


def _dashed(figures: dict[str, float | None]) -> dict[str, float | str]:
    return {name: "–" if value is None else value for name, value in figures.items()}


def _row(title: str, cells: Any) -> str:
    return f"{title:<{_NAME_WIDTH}}" + "".join(f"{'–' if cell is None else cell:>{_WIDTH}}" for cell in cells)


def _limit(report: dict[str, Any]) -> list[str]:
    search = report.get("conversations_per_core_search")
    if search is None:
        return []
    best = f"{'' if search['settled'] else 'at least '}{report['conversations_per_core']}"
    lines = [f"conversations per core: {best} (p99 up to {search['limit_ms']:g} ms both ways)"]
    for count, tried in search["tries"].items():
        p99 = f"up {tried.get('added_uplink_p99_ms', '–')} ms, down {tried.get('added_downlink_p99_ms', '–')} ms"
        lines.append(
            f"  {count:>4}  {'held    ' if tried['held'] else 'not held'}  {p99}  {'; '.join(tried['why'])}".rstrip()
        )
    return lines
