"""History: the last samples of a stream, at hand as one array, without moving them all for every frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]


class History:
    """Holds the last `size` samples; at first they are silence. What it gives is a view, good until the next `add`."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._wave = np.zeros(3 * size, np.int16)
        self._end = size

    def add(self, new: Samples) -> None:
        """Take [n] samples; n is at most `size`."""
        stop = self._end + len(new)
        if stop > len(self._wave):
            self._wave[: self._size] = self._wave[self._end - self._size : self._end]
            self._end, stop = self._size, self._size + len(new)
        self._wave[self._end : stop] = new
        self._end = stop

    def last(self, samples: int, before: int = 0) -> Samples:
        """Return the last [samples] before the last `before`, both together at most `size`."""
        return self._wave[self._end - before - samples : self._end - before]

    def clear(self) -> None:
        """Make it silence again."""
        self._end = self._size
        self._wave[: self._size] = 0
