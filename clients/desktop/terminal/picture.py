"""The view on the screen: each row to its widget."""

from __future__ import annotations

from textual.screen import Screen

from . import rows
from .view import View
from .widgets import CaptionLines, Rows


def draw(screen: Screen[object], view: View, place: str, *, is_over: bool) -> None:
    """Show the view; `place` is whom one talks to. Raises NoMatches while the screen comes up or goes away."""
    columns = screen.app.size.width
    top, note = screen.query_one("#top", Rows), screen.query_one("#note", Rows)
    top.set_classes(view.standing.tone.value)
    top.show(rows.top(view, place, columns))
    screen.query_one(CaptionLines).show(view.lines)
    note.set_class(not view.note, "empty")
    note.show([(view.note, "")])
    screen.query_one("#levels", Rows).show(*rows.levels(view, columns))
    screen.query_one("#latency", Rows).show(rows.latency(view, columns))
    screen.query_one("#connection", Rows).show(rows.connection(view, columns))
    screen.query_one("#keys", Rows).show(rows.keys(view, columns, is_over=is_over))
