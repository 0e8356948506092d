"""A process that takes calls: it says so in one line, and its garbage is that of its conversations alone."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from services.common import process


@pytest.fixture
def thawed() -> Iterator[None]:
    """Let other tests' garbage be collected as before: as seldom, too, which a count of all that there is sees to."""
    yield
    gc.unfreeze()
    gc.collect()


@pytest.mark.usefixtures("thawed")
def test_what_stays_is_not_looked_through_for_garbage(capsys: pytest.CaptureFixture[str]) -> None:
    """A collection of all generations has little to look at, so it is quick, and comes soon."""
    before = len(gc.get_objects())
    process.announce("vad", "127.0.0.1:7701")
    assert capsys.readouterr().out == "ready vad 127.0.0.1:7701\n"
    assert len(gc.get_objects()) < before / 10


class _Ring:
    """Something that refers to itself: nothing but the collector lets go of it."""

    def __init__(self) -> None:
        self.itself = self


def test_what_sessions_leave_is_collected_while_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without waiting for the collector to think of it."""
    monkeypatch.setattr(process, "TIDY_S", 0.0)
    gc.disable()
    try:
        left = weakref.ref(_Ring())

        async def main(_stopping: asyncio.Event) -> None:
            for _ in range(5):
                await asyncio.sleep(0)

        process._run("vad", main)
        assert left() is None
    finally:
        gc.enable()
