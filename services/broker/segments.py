"""Segments: what a model's own voice activity detection takes for speech, and which of vad's turns each belongs to."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from services.broker.part import Part

_PAST: Final = 3


@dataclass(eq=False)
class Segment:
    """What the model takes for one stretch of speech: an item. Offsets are the user's samples of the session."""

    item_id: str
    start: int
    end: int | None = None
    is_committed: bool = False
    part: ServerPart | None = None
    transcript: str | None = None


@dataclass(eq=False)
class ServerPart(Part):
    """A turn, and what the model made of it."""

    start: int = 0
    end: int = 0
    segments: list[Segment] = field(default_factory=list)
    awaits_commit: bool = False
    is_given_again: bool = False
    """Its sound was given to a new connection, whose clock knows nothing of it."""
    is_rest: bool = False
    """The turn stands in history already: without words this is nothing but its last silence."""

    def overlaps(self, segment: Segment) -> bool:
        """Say whether a segment lies in it, at least in part."""
        return segment.start < self.end and (segment.end is None or segment.end > self.start)

    @property
    def known_words(self) -> list[str]:
        """The transcripts that are known, in order."""
        return [segment.transcript for segment in self.segments if segment.transcript is not None]


class Segments:
    """Those that no turn has claimed, the turns that await some, and a few that did."""

    def __init__(self) -> None:
        self.turns: list[ServerPart] = []
        """Turns that await something, oldest first."""
        self.past: deque[ServerPart] = deque(maxlen=_PAST)
        """Turns of which all was thought to be known: the model's word on the rest may be late."""
        self._segments: list[Segment] = []

    def add(self, item_id: str, start: int, end: int | None = None) -> Segment:
        """Note that the model hears speech."""
        segment = Segment(item_id, start, end)
        self._segments.append(segment)
        return segment

    def find(self, item_id: str) -> Segment | None:
        """Return the segment of an item."""
        return next((segment for segment in self._segments if segment.item_id == item_id), None)

    def unclaimed(self) -> list[Segment]:
        """Return those that belong to no turn yet."""
        return [segment for segment in self._segments if segment.part is None]

    @property
    def waiting(self) -> ServerPart | None:
        """The oldest turn that awaits the model's word on our commit."""
        return next((part for part in self.turns if part.awaits_commit), None)

    def claim(self, part: ServerPart, segment: Segment) -> None:
        """A segment is a turn's."""
        segment.part = part
        part.segments.append(segment)
        part.item_id = part.item_id or segment.item_id

    def claim_all(self, part: ServerPart) -> None:
        """A turn that is over takes what lies in it, most of it, and in no other that waits."""
        candidates = [each for each in self.turns if each.awaits_commit or each is part]
        for segment in self.unclaimed():
            if nearest(candidates, segment) is part:
                self.claim(part, segment)

    def drop_unclaimed(self, before: int) -> list[str]:
        """Give up what no turn has claimed, and none will; return the items."""
        gone = [s for s in self.unclaimed() if s.is_committed and (s.end or 0) <= before]
        self._segments = [segment for segment in self._segments if segment not in gone]
        return [segment.item_id for segment in gone]

    def close(self, part: Part) -> None:
        """Await nothing more of a turn."""
        self.past.extend(each for each in self.turns if each is part)
        self.remove(part)
        self._segments = [segment for segment in self._segments if segment.part is not part]

    def remove(self, part: Part) -> None:
        """Forget a turn."""
        self.turns = [each for each in self.turns if each is not part]

    def lose_model(self) -> None:
        """The items are gone with their connection."""
        self._segments.clear()
        self.past.clear()
        for part in self.turns:
            part.segments.clear()
            part.awaits_commit, part.item_id = False, ""


def nearest(parts: Iterable[ServerPart], segment: Segment) -> ServerPart | None:
    """Return the turn in which most of a segment lies, if it lies in any; where its end is open the first of them."""
    over = [part for part in parts if part.overlaps(segment)]
    if (end := segment.end) is None:
        return over[0] if over else None
    return max(over, key=lambda part: min(part.end, end) - max(part.start, segment.start), default=None)
