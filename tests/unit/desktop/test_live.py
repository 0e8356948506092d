"""The sound card's side, against a PyAudio that only keeps its documented promises."""

from __future__ import annotations

import asyncio
import sys

import pytest

from clients.desktop import live
from clients.desktop.__main__ import main
from clients.desktop.failures import DeviceLost, UsageError
from clients.desktop.live import INSTALL, LiveDevice

from .sound_card import FakePyAudio, plug_in

FRAME = b"\1\0" * 480


@pytest.fixture
def pyaudio(monkeypatch: pytest.MonkeyPatch) -> type[FakePyAudio]:
    """Put the fake where PyAudio would be."""
    return plug_in(monkeypatch)


def test_without_pyaudio_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The client ends with code 1 and the command, not with a traceback."""
    monkeypatch.setitem(sys.modules, "pyaudio", None)
    assert main([]) == 1
    assert capsys.readouterr().err == INSTALL + "\n"


async def test_microphone_frames_are_cut_to_20_ms(pyaudio: type[FakePyAudio]) -> None:
    """Whatever sizes the card calls back with, ticks are frames of 640 bytes in order."""
    device = LiveDevice()
    device.start()
    card = pyaudio.instances[0]
    for size in (100, 700, 161, 319):
        card.speak(bytes([size % 251]) * size * 2)
    frames = [await device.tick() for _ in range(4)]
    assert b"".join(frames) == b"".join(bytes([size % 251]) * size * 2 for size in (100, 700, 161, 319))
    assert {len(frame) for frame in frames} == {640}
    device.stop()


async def test_speaker_plays_what_is_queued_and_silence_when_dry(pyaudio: type[FakePyAudio]) -> None:
    """After the head start of two silent frames the queued frames come, in the sizes the card asks for."""
    device = LiveDevice()
    device.start()
    card = pyaudio.instances[0]
    device.play(FRAME)
    assert card.ask(960) == bytes(1920)
    assert card.ask(300) == FRAME[:600]
    assert card.ask(300) == FRAME[600:] + bytes(240)
    assert device.starved_calls == 1
    device.stop()


async def test_latency_counts_the_queue_and_the_card(pyaudio: type[FakePyAudio]) -> None:
    """What can't be heard yet is what stands in the queue plus what the card says it holds."""
    device = LiveDevice()
    device.start()
    assert device.input_latency_samples == 160
    assert device.output_latency_samples == 1200 + 960
    device.play(FRAME)
    assert device.output_latency_samples == 1200 + 1440
    pyaudio.instances[0].ask(1440)
    assert device.output_latency_samples == 1200
    device.stop()


async def test_drifting_clocks_cost_silence_first(pyaudio: type[FakePyAudio]) -> None:
    """With a long queue silent frames are left out; speech only beyond ten frames, and then it is counted."""
    device = LiveDevice()
    device.start()
    for _ in range(8):
        device.play(bytes(960))
    assert device.output_latency_samples == 1200 + 4 * 480
    for _ in range(8):
        device.play(FRAME)
    assert device.output_latency_samples == 1200 + 10 * 480
    assert device.dropped_speaker_frames == 2
    device.stop()


async def test_stop_lets_go_of_everything_and_may_come_twice(pyaudio: type[FakePyAudio]) -> None:
    """Both streams are closed and PortAudio is ended, once."""
    device = LiveDevice()
    device.start()
    device.stop()
    device.stop()
    card = pyaudio.instances[0]
    assert card.terminated
    assert all(stream.closed and not stream.running for stream in card.streams.values())


@pytest.mark.parametrize(("missing", "what"), [("input", "microphone"), ("output", "speaker")])
async def test_missing_device_is_one_line(pyaudio: type[FakePyAudio], missing: str, what: str) -> None:
    """A machine without a microphone or speaker is told so, and nothing stays open."""
    pyaudio.missing = missing
    device = LiveDevice()
    with pytest.raises(UsageError, match=f"Cannot open the {what} .*plugged in"):
        device.start()
    assert pyaudio.instances[0].terminated


async def test_microphone_that_stops_ends_the_conversation(
    pyaudio: type[FakePyAudio], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unplugged microphone is a failure with a reason, not a hang."""
    monkeypatch.setattr(live, "MIC_LOST_S", 0.0)
    device = LiveDevice()
    device.start()
    with pytest.raises(DeviceLost, match="unplugged"):
        await device.tick()
    device.stop()


async def test_unread_microphone_drops_the_oldest(pyaudio: type[FakePyAudio]) -> None:
    """A client that is not scheduled for more than a second loses the oldest frames, counted."""
    device = LiveDevice()
    device.start()
    for number in range(60):
        pyaudio.instances[0].speak(bytes([number]) * 640)
    await asyncio.sleep(0)
    assert await device.tick() == bytes([10]) * 640
    assert device.dropped_mic_frames == 10
    device.stop()
