"""History: the conversation written down in the order in which it went, however late its words become known.

The words of a turn come from a transcription that may be slower than the answer, and what was heard of a reply is
known only when it has been played. So each reserves its place when it begins, and is written when all before it are.
"""

from __future__ import annotations

from collections import deque

from services.broker.actions import Action, Actions


class Place:
    """A place in the history, for what is not known yet."""

    def __init__(self) -> None:
        self.actions: tuple[Action, ...] | None = None


class History:
    """Releases what is written in the order of reservation. Whoever reserves a place must fill it in the end."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions
        self._places: deque[Place] = deque()

    def __len__(self) -> int:
        return len(self._places)

    def reserve(self) -> Place:
        """Return the next place."""
        self._places.append(Place())
        return self._places[-1]

    def fill(self, place: Place, *actions: Action) -> None:
        """Say what belongs there, or that nothing does. Filling it again changes nothing."""
        if place.actions is None:
            place.actions = actions
            self._release()

    def close(self) -> None:
        """Write all that is known; what is not known by now never will be."""
        for place in list(self._places):
            self.fill(place)

    def _release(self) -> None:
        while self._places and self._places[0].actions is not None:
            for action in self._places.popleft().actions or ():
                self._actions.add(action)
