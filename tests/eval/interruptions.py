"""Interruptions: what came of the overlap clips, as figures per kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from tests.eval import confidence
from tests.eval.overlap import Heard

Figures = dict[str, Any]
QUANTILES: Final = (50, 95)


def per_kind(heard: Sequence[Heard], seed: int) -> dict[str, Figures]:
    """Return the figures of each kind, in the order of the manifest."""
    kinds = dict.fromkeys(one.clip.kind for one in heard)
    return {kind: figures([one for one in heard if one.clip.kind == kind], seed) for kind in kinds}


def pooled(heard: Sequence[Heard], seed: int) -> dict[str, Figures]:
    """Return the figures of all that is to be yielded to, and of all that is to be talked through."""
    found = {}
    for expect in ("yield", "ignore"):
        if some := [one for one in heard if one.clip.expect == expect]:
            found[expect] = figures(some, seed)
    return found


def figures(heard: Sequence[Heard], seed: int) -> Figures:
    """Return the figures of some clips."""
    groups = [one.clip.group for one in heard]
    expects = {one.clip.expect for one in heard}
    yielded = confidence.share([one.yielded for one in heard], groups, seed)
    ducked = confidence.share([one.ducked for one in heard], groups, seed)
    decisions = [(one.decision_ms, one.clip.group) for one in heard if one.decision_ms is not None]
    ducks = [(one.duck_ms, one.clip.group) for one in heard if one.duck_ms is not None]
    causes = Counter(cause for one in heard for cause in dict.fromkeys(one.causes))
    return {
        "clips": len(heard),
        "speakers": len(set(groups)),
        "expect": expects.pop() if len(expects) == 1 else "mixed",
        "yielded": yielded["value"],
        "yielded_ci": yielded["ci"],
        "ducked": ducked["value"],
        "ducked_ci": ducked["ci"],
        "cluster": yielded["cluster"],
        "decision_ms": _quantiles(decisions, seed),
        "duck_ms": _quantiles(ducks, seed),
        "false_starts": sum(one.false_start for one in heard),
        "causes": dict(causes.most_common()),
    }


def _quantiles(found: Sequence[tuple[float, str]], seed: int) -> Figures:
    values, groups = [value for value, _ in found], [group for _, group in found]
    figures: Figures = {}
    for q in QUANTILES:
        value, ci = confidence.quantile(values, groups, seed, q)
        figures |= {f"p{q}": value, f"p{q}_ci": ci}
    return figures | {"count": len(values)}
