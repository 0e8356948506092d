"""Pictures: the curves, for a person, as PNG beside the figures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.eval.overlap import Heard
from tests.eval.report import write

Figures = dict[str, Any]

_SIZE: Final = (8.0, 5.0)
_DPI: Final = 110
_POLICIES: Final = (
    ("ours", None, "C0"),
    ("end-of-turn model alone", "smart_turn_alone", "C1"),
    ("silence only", "silence_only", "C7"),
)
_COLOURS: Final = {"yield": "C0", "ignore": "C2", "either": "C7"}


def draw(found: Figures, heard: Sequence[Heard], out: Path) -> list[Path]:
    """Draw what there are figures for. Raises OSError."""
    drawn: list[Path] = []
    if "curve" in found.get("turns", {}):
        drawn.append(_save(turns(found["turns"]), out, "turns"))
    if found.get("overlap"):
        drawn.append(_save(overlap(found["overlap"], heard), out, "overlap"))
    if found.get("vad", {}).get("roc"):
        drawn.append(_save(voicing(found["vad"]), out, "vad"))
    return drawn


def _save(figure: Figure, out: Path, name: str) -> Path:
    path = out.with_name(f"{out.stem}-{name}.png")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_DPI, metadata={"Software": None})
    write(path, drawn.getvalue())
    return path


def turns(found: Figures) -> Figure:
    """Draw cut-offs against latency: of each policy all that can be set, and what ships."""
    figure = Figure(_SIZE, layout="constrained")
    axes = figure.subplots()
    for label, key, colour in _POLICIES:
        policy = found if key is None else found[key]
        if not policy["curve"]:
            continue
        rates, latencies = zip(*policy["curve"], strict=True)
        axes.step([100 * rate for rate in rates], latencies, where="post", color=colour, label=label)
    point = found["operating_point"]
    if point["cutoff_rate"] is not None and point["mean_latency_ms"] is not None:
        reach = _reach(point["cutoff_rate"], point["cutoff_rate_ci"], 100)
        late = _reach(point["mean_latency_ms"], point["mean_latency_ms_ci"], 1)
        axes.errorbar(
            100 * point["cutoff_rate"],
            point["mean_latency_ms"],
            yerr=late,
            xerr=reach,
            fmt="o",
            color="C3",
            capsize=3,
            label="ours, as shipped (95 %)",
        )
    axes.set(xlabel="pauses in which the person is cut off, %", ylabel="mean end-of-turn latency, ms")
    axes.set(
        xlim=(0, 60), ylim=(0, 2000), title=f"End of turn: {found['ends']} ends, {found['holds']} pauses within turns"
    )
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    return figure


def overlap(found: Figures, heard: Sequence[Heard]) -> Figure:
    """Draw how often each kind is yielded to, and how long the decision takes."""
    figure = Figure((10.0, 5.0), layout="constrained")
    shares, times = figure.subplots(1, 2, sharey=True)
    for row, (kind, one) in enumerate(found.items()):
        reach = _reach(one["yielded"], one["yielded_ci"], 100)
        shares.errorbar(
            100 * one["yielded"], row, xerr=reach, fmt="o", color=_COLOURS.get(one["expect"], "C7"), capsize=3
        )
        took = [h.decision_ms for h in heard if h.clip.kind == kind and h.decision_ms is not None]
        if took:
            times.boxplot([took], positions=[row], orientation="horizontal", widths=0.6, whis=(5, 95), showfliers=False)
    labels = [f"{kind} ({one['expect']}, {one['clips']})" for kind, one in found.items()]
    shares.set_yticks(range(len(labels)), labels)
    shares.invert_yaxis()
    shares.set(xlabel="yielded to, % (95 %)", xlim=(-3, 103))
    times.set(xlabel="onset to decision, ms (5, 25, 50, 75, 95 %)", xlim=(0, None))
    for axes in (shares, times):
        axes.grid(alpha=0.3, axis="x")
    return figure


def voicing(found: Figures) -> Figure:
    """Draw the ROC of voice activity."""
    figure = Figure((5.5, 5.0), layout="constrained")
    axes: Axes = figure.subplots()
    for label, suffix in (("every window", ""), ("without the edges", "_collar")):
        if curve := found[f"roc{suffix}"]:
            alarms, hits = zip(*curve, strict=True)
            axes.plot(alarms, hits, label=f"{label}: AUC {found[f'roc_auc{suffix}']:.3f}")
    axes.set(xlabel="false alarms", ylabel="speech found", xlim=(0, 1), ylim=(0, 1), title=f"{found['clips']} clips")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def _reach(value: float, ci: Sequence[float | None], scale: float) -> list[list[float]] | None:
    low, high = ci
    if low is None or high is None:
        return None
    return [[scale * max(value - low, 0.0)], [scale * max(high - value, 0.0)]]
