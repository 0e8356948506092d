"""Parking: a session waits for whoever goes on with it, and is given up once when nobody comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from services.common.parking import Parking


class Timers:
    """Stands for the loop's timers; `advance` lets time pass."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._due: list[tuple[float, Callable[[Any], None], Any, asyncio.TimerHandle]] = []

    def call_later(self, delay_s: float, call: Callable[[Any], None], what: Any) -> asyncio.TimerHandle:
        """Note what is to be called when."""
        handle = asyncio.TimerHandle(0, call, (what,), asyncio.get_running_loop())
        self._due.append((self.now_s + delay_s, call, what, handle))
        return handle

    def advance(self, seconds: float) -> None:
        """Call what is due."""
        until_s = self.now_s + seconds
        while due := [entry for entry in self._due if entry[0] <= until_s]:
            first = min(due, key=lambda entry: entry[0])
            self._due.remove(first)
            self.now_s = first[0]
            if not first[3].cancelled():
                first[1](first[2])
        self.now_s = until_s


@pytest.fixture
async def timers(monkeypatch: pytest.MonkeyPatch) -> Timers:
    """Replace the running loop's timers for one test."""
    virtual = Timers()
    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", virtual.call_later, raising=False)
    return virtual


async def test_who_is_asked_for_goes_on(timers: Timers) -> None:
    """It is handed over, and its time no longer runs."""
    given_up: list[str] = []
    parking = Parking(given_up.append, wait_s=40)
    parking.park("a", "session a")
    timers.advance(39)
    assert "a" in parking
    assert parking.take("a") == "session a"
    assert parking.take("a") is None
    timers.advance(100)
    assert given_up == []
    assert parking.counters == {"parked": 1, "taken_up": 1}


async def test_who_is_not_asked_for_is_given_up_once(timers: Timers) -> None:
    """After its time, and the others wait on; one that is parked again begins to wait anew."""
    given_up: list[str] = []
    parking = Parking(given_up.append, wait_s=40)
    parking.park("a", "session a")
    timers.advance(20)
    parking.park("b", "session b")
    timers.advance(20)
    assert given_up == ["session a"]
    assert len(parking) == 1
    parking.park("b", "session b")
    timers.advance(39)
    assert given_up == ["session a"]
    timers.advance(1)
    assert given_up == ["session a", "session b"]
    assert parking.take("b") is None
    assert parking.counters["given_up"] == 2


async def test_a_process_that_stops_gives_all_up(timers: Timers) -> None:
    """Nothing waits on in a process that is going."""
    given_up: list[str] = []
    parking = Parking(given_up.append)
    parking.park("a", "session a")
    parking.park("b", "session b")
    parking.close()
    assert given_up == ["session a", "session b"]
    timers.advance(100)
    assert len(parking) == 0
    assert len(given_up) == 2
