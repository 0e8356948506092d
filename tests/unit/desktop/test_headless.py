"""The device without sound keeps time without drift and records both voices on one axis."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from clients.desktop.failures import UsageError
from clients.desktop.headless import HeadlessDevice
from clients.desktop.recording import Recording, claim
from clients.desktop.sound import pcm_of


class VirtualTime:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def clock(self) -> float:
        """Return the time."""
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        """Let time pass, and a little more than asked for, as real sleeps do."""
        self.now_s += seconds + (0.003 if seconds else 0)


def device_in(time: VirtualTime, latency_ms: float = 0) -> HeadlessDevice:
    """Return a started device in virtual time."""
    device = HeadlessDevice(latency_ms, clock=time.clock, sleep=time.sleep)
    device.start()
    return device


async def test_ticks_do_not_drift() -> None:
    """A thousand oversleeps of 3 ms add up to 3 ms."""
    time = VirtualTime()
    device = device_in(time)
    for _ in range(1000):
        await device.tick()
    assert time.now_s == pytest.approx(100.0 + 20.0 + 0.003)
    assert device.late_ticks == 0


async def test_lost_time_is_made_good() -> None:
    """After a hang of 100 ms the ticks come at once until they are in time again; the lag is counted."""
    time = VirtualTime()
    device = device_in(time)
    await device.tick()
    time.now_s += 0.1
    for _ in range(9):
        await device.tick()
    assert time.now_s == pytest.approx(100.2 + 0.003)
    assert device.late_ticks == 4
    assert device.worst_lag_ms == pytest.approx(83, abs=1)


async def test_a_long_sleep_is_made_good_for_its_last_seconds() -> None:
    """No server takes more at once. What is to be said waits meanwhile: not a word of it is lost."""
    time = VirtualTime()
    device = device_in(time)
    device.say(b"\1\0" * 320 * 500)
    await device.tick()
    time.now_s += 60.0
    begun_s = time.now_s
    ticks = 0
    while time.now_s == begun_s:
        assert await device.tick() == b"\1\0" * 320
        ticks += 1
    assert ticks == pytest.approx(8 * 50, abs=2)
    assert device.slept_s == pytest.approx(52, abs=0.1)


async def test_microphone_says_what_it_is_given_and_then_is_silent() -> None:
    """Speech comes frame by frame from the offset that `say` told; a part of a frame is filled with silence."""
    device = device_in(VirtualTime())
    await device.tick()
    assert device.say(b"\1\0" * 400) == 320
    assert device.say(b"\2\0" * 100) == 720
    assert device.talking
    assert await device.tick() == b"\1\0" * 320
    assert await device.tick() == b"\1\0" * 80 + b"\2\0" * 100 + bytes(2 * 140)
    assert not device.talking
    assert await device.tick() == bytes(640)


async def test_hush_ends_the_speech() -> None:
    """Somebody may stop in mid-word."""
    device = device_in(VirtualTime())
    device.say(b"\1\0" * 4000)
    await device.tick()
    device.hush()
    assert await device.tick() == bytes(640)


async def test_recording_is_aligned(tmp_path: Path) -> None:
    """What is played after a tick stands one frame, plus the latency, behind what was captured before it."""
    device = device_in(VirtualTime(), latency_ms=10)
    device.say(pcm_of(np.full(3200, 5000, np.int16)))
    for _ in range(10):
        await device.tick()
        device.play(pcm_of(np.full(480, 7000, np.int16)))
    device.write_stereo(tmp_path / "both.wav")
    with wave.open(str(tmp_path / "both.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 24_000, 2)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert len(both) == 10 * 480 + 480 + 240
    assert abs(int(both[2400, 0]) - 5000) < 50
    assert not both[: 480 + 240, 1].any()
    assert np.all(both[480 + 240 :, 1] == 7000)


async def test_recording_can_be_left_out() -> None:
    """A long run needs no memory for what nobody listens to."""
    device = HeadlessDevice(keep_recording=False, clock=VirtualTime().clock, sleep=VirtualTime().sleep)
    device.play(bytes(960))
    assert not len(device.recording().assistant())


def test_recording_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A folder that is not there is one line, before and after the conversation."""
    path = tmp_path / "missing" / "out.wav"
    with pytest.raises(UsageError, match=r"Cannot write .*out\.wav: No such file"):
        claim(path)
    with pytest.raises(UsageError, match=r"Cannot write .*out\.wav: No such file"):
        Recording().write_stereo(path)
