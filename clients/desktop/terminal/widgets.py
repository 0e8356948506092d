"""The parts of the screen: rows that change, and captions that scroll."""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.widgets import Static

from . import rows
from .captions import Line
from .colours import content
from .rows import Row


class Rows(Static):
    """Rows of the picture; drawn again only when they have changed."""

    def __init__(self, id_: str) -> None:
        super().__init__(id=id_)
        self._shown: tuple[Row, ...] = ()

    def show(self, *shown: Row) -> None:
        """Show these rows."""
        if shown != self._shown:
            self._shown = shown
            self.update(content(*shown))


class CaptionLines(VerticalScroll, can_focus=True):
    """The conversation's lines, the newest in sight unless somebody scrolls back."""

    HINT = "Speak. Space held down talks by key; ? shows all keys."

    def __init__(self) -> None:
        super().__init__(id="captions")
        self._lines: dict[int, tuple[Line, Static]] = {}
        self._hint = Static(self.HINT, id="hint")

    async def on_mount(self) -> None:
        """Begin with a hint."""
        await self.mount(self._hint)
        self.anchor()

    def show(self, lines: tuple[Line, ...]) -> None:
        """Show these lines: new ones where they stand, changed ones anew, and none that is gone."""
        for number in self._lines.keys() - {line.number for line in lines}:
            self._lines.pop(number)[1].remove()
        if lines:
            self._hint.display = False
        before: Static = self._hint
        for line in lines:
            known = self._lines.get(line.number)
            if known is None:
                widget = Static(content(rows.caption(line)))
                self.mount(widget, after=before)
            else:
                widget = known[1]
                if known[0] != line:
                    widget.update(content(rows.caption(line)))
            self._lines[line.number] = line, widget
            before = widget
