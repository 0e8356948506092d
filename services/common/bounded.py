"""Bounded: a dict that forgets what was put into it first, when it holds more than it may."""

from __future__ import annotations

from typing import Final, TypeVar

K = TypeVar("K")
V = TypeVar("V")

MOST: Final = 64


class Bounded(dict[K, V]):
    """Only assignment keeps the bound; what is assigned again keeps its place."""

    def __init__(self, most: int = MOST) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        if len(self) > self._most:
            del self[next(iter(self))]
