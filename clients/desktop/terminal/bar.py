"""A level meter as a bar of text."""

from __future__ import annotations

QUIETEST_DB = -60.0
"""The left end: quieter than this is a quiet room."""
LOUD_DB = -12.0
CLIPS_DB = -1.0
EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(level_db: float, width: int) -> str:
    """Return a bar of exactly `width` characters, from -60 dB of full scale to 0."""
    share = min(1.0, max(0.0, 1 - level_db / QUIETEST_DB))
    eighths = round(share * width * 8)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (EIGHTHS[rest] if rest else ""))[:width].ljust(width, "·")


def loudness(level_db: float) -> str:
    """Return how loud that is: "clips", "loud", "fine" or "quiet"."""
    if level_db >= CLIPS_DB:
        return "clips"
    if level_db >= LOUD_DB:
        return "loud"
    return "fine" if level_db > QUIETEST_DB else "quiet"
