"""Manners: what a guest will do in a conversation, and how it will leave. By chance, but by the same each time."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Act(StrEnum):
    """What a guest does while it is answered."""

    LISTEN = "hears it out"
    KEY = "stops it with a key"
    OBJECT = "speaks over it"
    BREAK = "loses the connection, and resumes"


class Leaving(StrEnum):
    """How a guest leaves."""

    POLITE = "hangs up"
    VANISH = "is gone without a word, for ever"


@dataclass(frozen=True)
class Manners:
    """One guest's."""

    acts: tuple[Act, ...]
    leaving: Leaving


_ACTS: Final = {Act.LISTEN: 9, Act.KEY: 4, Act.OBJECT: 4, Act.BREAK: 3}
_VANISH: Final = 0.15
_FEWEST, _MOST = 2, 5


def manners_of(seed: int, number: int) -> Manners:
    """Return those of guest `number`."""
    chance = random.Random(seed << 32 | number)
    acts = chance.choices(list(_ACTS), list(_ACTS.values()), k=chance.randint(_FEWEST, _MOST))
    return Manners(tuple(acts), Leaving.VANISH if chance.random() < _VANISH else Leaving.POLITE)
