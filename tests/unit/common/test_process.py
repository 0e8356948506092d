"""A process that takes calls: it says so in one line, and its garbage is that of its conversations alone."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from services.common import process


@pytest.fixture
def thawed() -> Iterator[None]:
    """Let other tests' garbage be collected as before."""
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_what_stays_is_not_looked_through_for_garbage(capsys: pytest.CaptureFixture[str]) -> None:
    """A collection of all generations has little to look at, so it is quick, and comes soon."""
    before = len(gc.get_objects())
    process.announce("vad", "127.0.0.1:7701")
    assert capsys.readouterr().out == "ready vad 127.0.0.1:7701\n"
    assert len(gc.get_objects()) < before / 10
