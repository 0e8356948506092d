"""Notes the first fault of this program on the screen. Textual tells it only on stderr, which is away meanwhile."""

from __future__ import annotations

from types import TracebackType

from ..failures import ConversationBroken


class Faults:
    """As a context it notes what leaves it, and lets it go on: Textual ends the screen then."""

    def __init__(self) -> None:
        self.first: BaseException | None = None

    def note(self, fault: BaseException | None) -> None:
        """Note a fault found otherwise."""
        self.first = self.first or fault

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Note what went wrong."""
        self.note(fault)

    @property
    def problem(self) -> ConversationBroken:
        """The line for the person."""
        words = f" ({type(self.first).__name__}: {self.first})" if self.first else ""
        line = f"This program has a fault, and had to end{words}: talk with --plain meanwhile."
        return ConversationBroken(" ".join(line.split()))
