"""Outcome: what one step's figures say: whether anything went wrong, and whether so many conversations were held."""

from __future__ import annotations

from typing import Any, Final

from tests.load.figures import FAULTS, Figures

LIMIT_MS: Final = 50.0
"""The latest that 99 of 100 pieces may be, either way, for a number of conversations to count as held."""

DISTURBED: Final = 0.1
"""Cores' worth of other programs beside the ring, or beside the load, beyond which a failure may be theirs."""


def problems(found: Figures) -> list[str]:
    """Name what went wrong in a step: faults, and what was lost."""
    named = [*found.get("faults", ())]
    named += [f"{name.replace('_', ' ')}: {found['counts'][name]}" for name in FAULTS if found["counts"].get(name)]
    if found["frames_dropped"]:
        named.append(f"frames dropped: {found['frames_dropped']}")
    return named


def is_held(found: Figures) -> bool:
    """Say whether a number of conversations was held: nothing wrong, and 99 of 100 pieces in time both ways."""
    if "counts" not in found or problems(found):
        return False
    ways = (found["added_uplink_ms"]["p99"], found["added_downlink_ms"]["p99"])
    return all(way is not None and way <= LIMIT_MS for way in ways)


def in_brief(found: Figures) -> str:
    """Return a step's figures in a line."""
    if "counts" not in found:
        return "; ".join(found["faults"])
    up, down, flush = (found[key] for key in ("added_uplink_ms", "added_downlink_ms", "interrupt_to_flushed_ms"))
    ms = found["cpu_s_per_conversation_s"]["total"] * 1000
    brief = f"up {up['p99']} ms, down {down['p99']} ms, flush {flush['p99']} ms at p99; {ms:.1f} ms CPU a second each"
    return "; ".join([brief, *["other programs were busy"] * is_disturbed(found), *problems(found)])


def is_disturbed(found: Figures) -> bool:
    """Say whether other programs used so much of the ring's cores, or of the load's, that the figures are not ours."""
    return any(found.get(key, 0.0) > DISTURBED for key in ("others_cpu_s_per_s", "others_beside_load_cpu_s_per_s"))


def as_try(found: Figures) -> dict[str, Any]:
    """Return what the report says of a step of the search."""
    if "counts" not in found:
        return {"held": False, "why": found["faults"]}
    return {
        "held": is_held(found),
        "added_uplink_p99_ms": found["added_uplink_ms"]["p99"],
        "added_downlink_p99_ms": found["added_downlink_ms"]["p99"],
        "cpu_s_per_conversation_s": found["cpu_s_per_conversation_s"],
        "load_share": found["load_share"],
        "others_cpu_s_per_s": found["others_cpu_s_per_s"],
        "others_beside_load_cpu_s_per_s": found["others_beside_load_cpu_s_per_s"],
        "why": problems(found),
    }
