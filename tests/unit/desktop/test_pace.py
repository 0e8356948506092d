"""A program that was asleep sends no more at once than the server takes, by the server's own measure."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.desktop import events
from clients.desktop.pace import Pace
from parley.v1 import conversation_service_pb2 as wire
from services.ingress.limits import Limits
from services.ingress.pace import Pace as ServersPace

from .fake_ring import FakeRing
from .test_line import Talk, talk

FRAME_S = 0.02


def sent_after(pace: Pace, now_s: float, frames: int) -> int:
    """Offer frames all at once; return how many may be sent."""
    return sum(pace.allows(now_s) for _ in range(frames))


def test_a_second_less_than_the_server_takes_may_be_sent_at_once() -> None:
    """What is beyond is counted; from then on there is as much room as time passes."""
    pace = Pace()
    pace.begin(10_000)
    assert sent_after(pace, 50.0, 600) == 450
    assert pace.unsent_frames == 150
    assert sent_after(pace, 51.0, 100) == 50
    assert sent_after(pace, 80.0, 600) == 450


def test_another_server_takes_it_from_the_beginning() -> None:
    """What is sent again when a session is resumed does not count there."""
    pace = Pace()
    pace.begin(10_000)
    sent_after(pace, 50.0, 600)
    pace.begin(1_000)
    assert sent_after(pace, 50.0, 600) == 25
    pace.begin(0)
    assert sent_after(pace, 50.0, 600) == 600


def test_a_fast_sound_card_may_go_on_for_ever() -> None:
    """Half a per cent for three hours."""
    pace = Pace()
    pace.begin(10_000)
    assert all(pace.allows(number * FRAME_S / 1.005) for number in range(3 * 3_600 * 50))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 25, allow_subnormal=False), max_size=12), st.integers(2_000, 15_000))
def test_whoever_keeps_to_it_is_not_ended_for_it(sleeps_s: list[float], max_ahead_ms: int) -> None:
    """However often it sleeps, and for however long: all that was slept through is offered at once, each time."""
    pace, server, now_s = Pace(), ServersPace(Limits(max_ahead_ms=max_ahead_ms), 0.0), 0.0
    pace.begin(max_ahead_ms)
    for sleep_s in sleeps_s:
        now_s += sleep_s
        for _ in range(int(sleep_s / FRAME_S)):
            if pace.allows(now_s):
                server.audio(20, now_s)


@pytest.mark.parametrize("asleep_s", [9.0, 60.0])
@pytest.mark.parametrize("max_ahead_ms", [3_000, 10_000])
def test_the_conversation_goes_on_after_a_sleep(asleep_s: float, max_ahead_ms: int) -> None:
    """No word is lost where the server takes 8 s; its own measure is never passed, and no hole is in the clock."""
    ring = FakeRing(max_ahead_ms=max_ahead_ms)
    measured: list[float] = []

    async def sleep(held: Talk) -> None:
        loop, take = asyncio.get_running_loop(), ring.take
        server = ServersPace(Limits(max_ahead_ms=max_ahead_ms), loop.time())

        def take_and_measure(request: wire.ConverseRequest) -> None:
            if request.HasField("audio"):
                ms = len(request.audio.pcm) / 32
                server.audio(ms, loop.time())
                measured.append(ms)
            take(request)

        ring.take = take_and_measure  # type: ignore[method-assign]
        await asyncio.sleep(2)
        held.device._due_s -= asleep_s  # as if it had not been asked for so long

    held = talk(ring, 6, meanwhile=sleep)
    assert [type(event) for event in held.told] == [events.Opened, events.Closed]
    assert ring.missing_samples == 0
    assert held.device.slept_s == pytest.approx(asleep_s - 8, abs=0.1)
    unsent = held.conversation.session.pace.unsent_frames
    assert unsent == held.conversation.dropped_mic_frames
    assert unsent == 0 if max_ahead_ms == 10_000 else unsent > 280
    assert sum(measured) >= 5_800 + min(8_000, max_ahead_ms - 1_100)
    if not unsent:
        held.assert_heard_whole(until_s=13.8)
