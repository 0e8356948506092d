"""Table: the figures for a person, each beside its goal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Figures = Mapping[str, Any]

YIELD_GOALS: Final = {"yield": (0.95, 0.90), "noisy": (0.90, 0.90)}
_IGNORE_GOALS: Final = {"noise": (0.98, 0.95), "sneeze": (0.95, 0.88), "cough": (0.95, 0.88)}
_OTHER_GOAL: Final = (0.90, 0.80)
"""Goal and least for what is talked through and is not noise: backchannels, digits."""


def table(found: Figures) -> str:
    """Return the report for a person."""
    lines: list[str] = []
    if "overlap" in found:
        lines += ["While the assistant speaks", *_overlap(found, noisy=False)]
    if "turns" in found:
        lines += ["", "End of turn", *_turns(found["turns"])]
    if "vad" in found:
        vad = found["vad"]
        lines += ["", "Voice activity"]
        lines.append(
            f"  ROC AUC {vad['roc_auc']}, F1 {vad['f1_default']}; "
            f"without the edges {vad['roc_auc_collar']}, {vad['f1_collar']}"
        )
    for snr_db, at in found.get("noisy", {}).items():
        lines += ["", f"With noise at {snr_db} dB"]
        if "overlap" in at:
            lines += _overlap(at, noisy=True)
        if "turns" in at:
            lines += _turns(at["turns"])
    if "echo" in found:
        lines += ["", "The assistant's echo", *_echo(found["echo"])]
    if "cost" in found:
        lines += ["", "Cost", *_cost(found["cost"])]
    return "\n".join(lines).strip("\n")


def mark(value: float | None, goal: float, least: float, *, upwards: bool) -> str:
    """Return ✓ for the goal, ~ for the least, ✗ for neither."""
    if value is None:
        return " "
    reached = [value >= bound if upwards else value <= bound for bound in (goal, least)]
    return "✓" if reached[0] else "~" if reached[1] else "✗"


def _overlap(found: Figures, *, noisy: bool) -> list[str]:
    lines = [
        f"  {'kind':<14}{'clips':>6}  {'':<12}{'share':>7} {'95 %':<14}  goal   "
        f"{'decided p50/p95':>17}  {'ducked p50/p95':>17}"
    ]
    pooled = {f"all {expect}": one for expect, one in found["overlap_pooled"].items()}
    for kind, one in (found["overlap"] | pooled).items():
        lines.append(_kind(kind, one, noisy=noisy, is_pool=kind in pooled))
    return lines


def _kind(kind: str, one: Figures, *, noisy: bool, is_pool: bool) -> str:
    through = one["expect"] == "ignore"
    value = 1 - one["yielded"] if through else one["yielded"]
    low, high = one["yielded_ci"]
    if through and low is not None:
        low, high = 1 - high, 1 - low
    goal = _goal(kind, one["expect"], noisy=noisy) if not is_pool else None
    beside = "" if goal is None else f"{mark(value, *goal, upwards=True)} {goal[0]:.2f}"
    said = {"yield": "yielded", "ignore": "through", "either": "(yielded)"}.get(one["expect"], "(yielded)")
    decision, duck = one["decision_ms"], one["duck_ms"]
    duck_mark = mark(duck["p95"], 200, 250, upwards=False) if one["expect"] == "yield" and is_pool else " "
    decision_mark = mark(decision["p50"], 350, 500, upwards=False) if one["expect"] == "yield" and is_pool else " "
    return (
        f"  {kind:<14}{one['clips']:>6}  {said:<12}{value:>7.3f} {_span(low, high):<14}  {beside:<6} "
        f"{_pair(decision, decision_mark)}  {_pair(duck, duck_mark)}"
    )


def _goal(kind: str, expect: str, *, noisy: bool) -> tuple[float, float] | None:
    if expect == "yield":
        return YIELD_GOALS["noisy" if noisy else "yield"]
    if expect == "ignore":
        if noisy:
            return (0.95, 0.95) if kind == "noise" else None
        return _IGNORE_GOALS.get(kind, _OTHER_GOAL)
    return None


def _pair(figures: Figures, beside: str) -> str:
    if figures["p50"] is None:
        return f"{'–':>17}"
    return f"{beside} {figures['p50']:>6.0f} /{figures['p95']:>5.0f} ms"


def _span(low: float | None, high: float | None, form: str = ".2f") -> str:
    return "" if low is None or high is None else f"[{low:{form}}, {high:{form}}]"


def _number(value: float | None, unit: str = "", digits: int = 0) -> str:
    return "–" if value is None else f"{value:.{digits}f}{unit}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f} %"


def _turns(turns: Figures) -> list[str]:
    point = turns["operating_point"]
    low, high = point["cutoff_rate_ci"]
    lines = [
        f"  as shipped: cut off in {_share(point['cutoff_rate'])} {_span(low, high)} of pauses; latency mean "
        f"{_number(point['mean_latency_ms'])}, p50 {_number(point['p50_latency_ms'])}, "
        f"p90 {_number(point['p90_latency_ms'])} ms ({point['early']} early, {point['missed']} missed)"
    ]
    if "latency_ms_at_cutoff" not in turns:
        return lines
    silence, model = turns["silence_only"], turns["smart_turn_alone"]
    lines.append(f"  {'':<26}{'ours':>8} {'95 %':<14}{'model alone':>12}{'silence only':>14}")
    for cutoff, value in turns["latency_ms_at_cutoff"].items():
        others = [other["latency_ms_at_cutoff"][cutoff] for other in (model, silence)]
        low, high = turns["latency_ms_at_cutoff_ci"][cutoff]
        lines.append(
            f"  {f'latency at {float(cutoff):.0%} cut off':<26}{_number(value):>8} "
            f"{_span(low, high, '.0f'):<14}"
            f"{_number(others[0]):>12}{_number(others[1]):>14}  {_beside(value, *others)}"
        )
    for latency, value in turns["cutoff_at_latency_ms"].items():
        others = [other["cutoff_at_latency_ms"][latency] for other in (model, silence)]
        lines.append(
            f"  {f'cut off at {latency} ms':<26}{_share(value):>8} "
            f"{_span(*turns['cutoff_at_latency_ms_ci'][latency]):<14}{_share(others[0]):>12}{_share(others[1]):>14}"
        )
    return lines


def _beside(value: float | None, model: float | None, silence: float | None) -> str:
    """Say how the latency compares: the goal is half of silence's and 0.7 of the model's, the least is to beat both."""
    if value is None or not model or not silence:
        return ""
    reached = value <= 0.5 * silence and value <= 0.7 * model
    sign = "✓" if reached else "~" if value < min(model, silence) else "✗"
    return f"{sign} {value / model:.2f} of the model's (0.70), {value / silence:.2f} of silence's (0.50)"


def _echo(echo: Figures) -> list[str]:
    lines = []
    for level, one in echo.items():
        cancels, missed = one["false_cancels_per_minute"], one["missed_stops"]
        is_goal = level == "-30"
        marks = (mark(cancels, 0.0, 0.2, upwards=False), mark(missed, 0.0, 0.2, upwards=False)) if is_goal else ("", "")
        low, high = one["false_cancels_per_minute_ci"]
        lines.append(
            f"  at {level} dB: {cancels:.2f} {_span(low, high)} false cancels a minute {marks[0]} "
            f"in {one['minutes']:g} minutes, "
            f"{one['ducks_per_minute']:.2f} ducks; {_share(missed)} of {one['stops']} stops missed {marks[1]}".rstrip()
        )
    return lines


def _cost(cost: Figures) -> list[str]:
    cpu, memory = cost["cpu_ms_per_audio_second"], cost["rss_mb_per_session"]
    return [
        f"  CPU {_number(cpu, ' ms', 1)} a second of sound {mark(cpu, 10, 20, upwards=False)} "
        f"({_number(cost['cpu_ms_while_assistant_speaks'], ' ms', 1)} while the assistant speaks, "
        f"{_number(cost['cpu_ms_in_turns'], ' ms', 1)} in turns); memory {_number(memory, ' MB', 2)} a session"
    ]
