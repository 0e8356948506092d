"""Rows in Textual's terms: what each style looks like in the theme, and which theme it is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from textual.content import Content

from .rows import Row

STYLES = {
    "you": "bold $text-primary",
    "parley": "bold $text-success",
    "coming": "$foreground-muted",
    "unheard": "strike $foreground-muted",
    "label": "$foreground-muted",
    "key": "bold $text-accent",
    "quiet": "$foreground-muted",
    "fine": "$text-success",
    "loud": "$text-warning",
    "warning": "$text-warning",
    "clips": "$text-error",
    "bad": "bold $text-error",
}
LIGHT_BACKGROUNDS = ("7", "15")
"""White and bright white, in the terminals that tell (COLORFGBG)."""


def content(*rows: Row) -> Content:
    """Return rows as one content, a row a line."""
    return Content("\n").join(Content.assemble(*_styled(row)) for row in rows)


def theme_name(wanted: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return Textual's name for "dark", "light", "terminal" (its own colours), or "auto" (as the terminal tells)."""
    is_light = environment.get("COLORFGBG", "").rpartition(";")[2] in LIGHT_BACKGROUNDS
    if wanted == "terminal":
        return "ansi-light" if is_light else "ansi-dark"
    return "textual-light" if wanted == "light" or (wanted == "auto" and is_light) else "textual-dark"


def other_theme(name: str) -> str:
    """Return the light one for a dark one, and the other way about."""
    return name.replace("dark", "light") if "dark" in name else name.replace("light", "dark")


def _styled(row: Row) -> Iterable[str | tuple[str, str]]:
    for text, style in row:
        yield (text, STYLES[style]) if style in STYLES else text
