"""History: the conversation written down in the order in which it went, however late its words become known.

The words of a turn come from a transcription that may be slower than the answer, and what was heard of a reply is
known only when it has been played. So each reserves its place when it begins, and is written when all before it are.

It also holds what a model must be told that knows nothing yet, in the same order: see `recollection.py`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

from services.broker.actions import Action, Actions

MOST_CHARACTERS: Final = 60_000
"""That a new model is told, about 15,000 tokens: older words are left out. The smallest memory of a Realtime model in
use is 32,000 tokens."""

_TRIM_EVERY: Final = 64


class Teller(Protocol):
    """Tells a new connection to the model what went before; each call adds to the end of its memory."""

    def say(self, role: str, words: str) -> str:
        """Tell words of the "user", the "assistant" or the "system"; return the item's id."""
        ...

    def sound(self, part: object) -> None:
        """Give a turn's own sound again (`ears.Part`)."""
        ...

    def call(self, call_id: str, name: str, arguments: str, output: str) -> None:
        """Tell of a tool call with its result."""
        ...


class Remembered(Protocol):
    """Something that was said or done."""

    @property
    def weight(self) -> int:
        """About how many characters it is."""
        ...

    def recall(self, teller: Teller) -> None:
        """Tell a model of it that doesn't know."""
        ...


@dataclass(frozen=True)
class Said:
    """Words that are final."""

    role: str
    words: str

    @property
    def weight(self) -> int:
        """Their number of characters."""
        return len(self.words)

    def recall(self, teller: Teller) -> None:
        """Tell them, if there are any: of a reply that was cut off at once no word may have been heard."""
        if self.words:
            teller.say(self.role, self.words)


class Place:
    """A place in the history, for what is not known yet."""

    def __init__(self, remembered: Remembered | None = None) -> None:
        self.actions: tuple[Action, ...] | None = None
        self.remembered = remembered
        """What a new model is told of it; None for nothing."""


class History:
    """Releases what is written in the order of reservation. Whoever reserves a place must fill it in the end."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions
        self._places: deque[Place] = deque()
        self._told: deque[Place] = deque()
        self.omits = False
        """True once something is so long ago that no new model is told of it."""

    def __len__(self) -> int:
        return len(self._places)

    def reserve(self, remembered: Remembered | None = None) -> Place:
        """Return the next place."""
        self._places.append(Place(remembered))
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

    def remembered(self) -> list[Remembered]:
        """Return all that a model should know, oldest first."""
        places = [*self._told, *self._places]
        return [place.remembered for place in places if place.remembered is not None]

    def _trim(self) -> None:
        """Let go of what is older than any new model is told; seldom, for it looks at all of it."""
        if len(self._told) % _TRIM_EVERY:
            return
        room = 2 * MOST_CHARACTERS
        for kept, place in enumerate(reversed(self._told)):
            room -= place.remembered.weight if place.remembered is not None else 0
            if room < 0:
                for _ in range(len(self._told) - kept):
                    self._told.popleft()
                self.omits = True
                return

    def _release(self) -> None:
        while self._places and self._places[0].actions is not None:
            place = self._places.popleft()
            if place.remembered is not None:
                self._told.append(place)
                self._trim()
            for action in place.actions or ():
                self._actions.add(action)
