"""Turn words: the story of a turn in a line that people read in the log: numbers and names, nothing that was said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from services.common import names

_SHORT: Final = {
    names.VAD_ENDPOINT: "waited",
    names.BROKER_COMMIT: "commit",
    names.MODEL_FIRST_AUDIO: "model",
}
"""What people call the stages that the broker knows of."""


def in_words(agent: str, turn: Mapping[str, Any], currency: str = "") -> str:
    """Return the story of a turn, told from its attributes in the turn log."""
    parts = [_answer(agent, turn)]
    if turn.get(names.REPLIES):
        parts.append(f"{turn.get(names.HEARD_MS, 0) / 1000:.1f} s heard")
    if turn.get(names.INTERRUPTED):
        by = turn.get(names.INTERRUPTED_BY, "")
        stop_ms = turn.get(names.STOP_MS)
        silent = f", silent after {stop_ms:.0f} ms" if stop_ms is not None else ""
        parts.append(f"interrupted{f' ({by})' if by else ''}{silent}")
    for tool in turn.get(names.TOOLS, ()):
        parts.append(f"tool {tool[names.TOOL_NAME]} {tool[names.TOOL_OUTCOME]} in {tool[names.TOOL_MS]:.0f} ms")
    tokens = turn.get(names.INPUT_TOKENS, 0) + turn.get(names.OUTPUT_TOKENS, 0)
    if tokens:
        cost = turn.get(names.COST_MICROS, 0) / 1_000_000
        parts.append(f"{tokens} tokens" + (f", {cost:.6f} {currency}" if cost else ""))
    return "; ".join(parts)


def _answer(agent: str, turn: Mapping[str, Any]) -> str:
    if not turn.get(names.REPLIES):
        return f"{agent} said nothing"
    if not turn.get(names.TURN):
        return f"{agent} spoke of its own accord"
    stages: Mapping[str, float] = turn.get(names.STAGES_MS, {})
    known = [f"{_SHORT.get(name, name)} {ms:.0f}" for name, ms in stages.items()]
    whole_ms = turn.get(names.RESPONSE_MS)
    if whole_ms is None:
        return f"{agent} answered ({', '.join(known)} ms)" if known else f"{agent} answered"
    known.append(f"the rest {max(whole_ms - sum(stages.values()), 0.0):.0f}")
    return f"{agent} answered after {whole_ms:.0f} ms ({', '.join(known)})"
