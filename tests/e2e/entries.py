"""What the clerk has done in Python."""

from __future__ import annotations


def date() -> str:
    """Tell the date of a day that comes once in four years."""
    return "the twenty ninth of February"
