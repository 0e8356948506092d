"""The last samples of a stream are always the last ones, however they came."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingress.echo.history import History

SIZE = 50


@given(st.lists(st.integers(0, SIZE), max_size=40), st.integers(0, SIZE), st.integers(0, SIZE))
def test_it_gives_what_came_last(pieces: list[int], samples: int, before: int) -> None:
    """Whatever the pieces, the last samples are those of the whole stream; before it there was silence."""
    history, stream = History(SIZE), np.zeros(SIZE, np.int16)
    for piece in pieces:
        new = np.arange(len(stream), len(stream) + piece, dtype=np.int16)
        history.add(new)
        stream = np.concatenate((stream, new))
    before = min(before, SIZE - samples)
    stop = len(stream) - before
    assert np.array_equal(history.last(samples, before), stream[stop - samples : stop])


@pytest.mark.parametrize("pieces", [1, 4])
def test_what_is_cleared_is_silence(pieces: int) -> None:
    """And what comes after it stands behind that silence."""
    history = History(SIZE)
    for _ in range(pieces):
        history.add(np.full(SIZE, 7, np.int16))
    history.clear()
    history.add(np.full(3, 9, np.int16))
    assert list(history.last(6)) == [0, 0, 0, 9, 9, 9]
    assert not history.last(SIZE - 3, 3).any()
