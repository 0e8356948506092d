"""A microphone whose frames come late, all at once or not at all: what is sent meanwhile, and what of it is lost."""

from __future__ import annotations

import asyncio

import pytest

from .live_stage import SPEECH, Clock, device, heard
from .sound_card import Machine


async def test_unread_microphone_drops_the_oldest(machine: Machine, clock: Clock) -> None:
    """A client that is not scheduled for more than a second loses the oldest frames, counted."""
    live = device(clock)
    live.start()
    for number in range(60):
        machine.microphone.speak(bytes([number]) * 640)
    await asyncio.sleep(0)
    assert await live.tick() == bytes([10]) * 640
    assert live.dropped_mic_frames == 10
    live.stop()


async def test_a_late_microphone_does_not_stop_the_conversation(machine: Machine, clock: Clock) -> None:
    """Silence stands in for a frame that does not come in time; when it comes after all its time is over."""
    live = device(clock)
    live.start()
    await heard(live, machine)
    clock.now_s += 0.2
    assert await live.tick() == bytes(640)
    assert live.late_frames == 1
    machine.adc_s = 0.2
    machine.microphone.speak(b"\1\0" * 320)
    machine.adc_s = 0.18
    machine.microphone.speak(b"\2\0" * 320)
    await asyncio.sleep(0)
    assert await live.tick() == b"\2\0" * 320
    live.stop()


async def test_a_frame_that_is_a_little_late_is_waited_for(machine: Machine, clock: Clock) -> None:
    """Callbacks jitter: within 100 ms no silence stands in for a frame, and none is dropped for it."""
    live = device(clock)
    live.start()
    await heard(live, machine)
    clock.now_s += 0.05
    tick = asyncio.create_task(live.tick())
    await asyncio.sleep(0)
    machine.microphone.speak(SPEECH)
    assert await tick == SPEECH
    assert live.late_frames == 0
    live.stop()


async def test_a_machine_that_was_asleep_does_not_fill_the_night_with_silence(machine: Machine, clock: Clock) -> None:
    """Silence stands in for the last 8 s of it at most, and only until the microphone goes on."""
    live = device(clock)
    live.start()
    await heard(live, machine)
    clock.now_s += 30_000
    for _ in range(50):
        assert await live.tick() == bytes(640)
    assert live._due_s == pytest.approx(clock.now_s - 7, abs=0.2)
    machine.microphone.speak(b"\1\0" * 320)
    await asyncio.sleep(0)
    assert await live.tick() == b"\1\0" * 320
    live.stop()
