"""The sound card's side, by both backends, against modules that only keep the promises of the real ones."""

from __future__ import annotations

import asyncio
import sys

import numpy as np
import pytest

from clients.desktop.__main__ import main
from clients.desktop.failures import UsageError
from clients.desktop.live import INSTALL, LiveDevice
from clients.desktop.sound import pcm_of

from .live_stage import FRAME, Clock, device, heard
from .sound_card import Machine


@pytest.mark.parametrize("absent", ["missing", "broken"])
def test_without_a_library_one_line_says_what_to_install(
    absent: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command that helps, not a traceback; a module without PortAudio is as good as none."""
    monkeypatch.setitem(sys.modules, "pyaudio", None)
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    if absent == "broken":
        monkeypatch.delitem(sys.modules, "sounddevice")

        class Finder:
            def find_spec(self, name: str, path: object = None, target: object = None) -> None:
                if name == "sounddevice":
                    raise OSError("PortAudio library not found")

        monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(UsageError) as refusal:
        LiveDevice()
    assert str(refusal.value) == INSTALL
    assert "\n" not in INSTALL


async def test_microphone_frames_are_cut_to_20_ms(machine: Machine, clock: Clock) -> None:
    """Whatever sizes the card calls back with, ticks are frames of 640 bytes in order."""
    live = device(clock)
    live.start()
    for size in (100, 700, 161, 319):
        machine.microphone.speak(bytes([size % 251]) * size * 2)
    await asyncio.sleep(0)
    frames = [await live.tick() for _ in range(4)]
    assert b"".join(frames) == b"".join(bytes([size % 251]) * size * 2 for size in (100, 700, 161, 319))
    assert {len(frame) for frame in frames} == {640}
    live.stop()


async def test_speaker_plays_what_is_queued_and_silence_when_dry(machine: Machine, clock: Clock) -> None:
    """After the head start of two silent frames the queued frames come, in the sizes the card asks for."""
    live = device(clock)
    live.start()
    live.play(FRAME)
    assert machine.speaker.ask(960) == bytes(1920)
    assert machine.speaker.ask(300) == FRAME[:600]
    assert machine.speaker.ask(300) == FRAME[600:] + bytes(240)
    assert live.starved_calls == 1
    live.stop()


async def test_latency_is_what_the_cards_times_say(machine: Machine, clock: Clock) -> None:
    """Queued samples, and those given whose DAC time is yet to come, are unheard; as time passes they become fewer."""
    live = device(clock)
    live.start()
    assert live.output_latency_samples == 960 + 1_200  # before the first call: the queue, and what the driver says
    live.play(FRAME)
    machine.dac_s = 0.03
    machine.speaker.ask(480)
    assert live.output_latency_samples == 960 + 480 + 720
    clock.now_s += 0.02
    assert live.output_latency_samples == 960 + 720
    await heard(live, machine)
    assert live.input_latency_samples == 0  # captured 20 ms ago, and 20 ms long
    machine.adc_s = 0.035
    await heard(live, machine)
    assert live.input_latency_samples == 240
    live.stop()


async def test_a_driver_that_does_not_know_the_time_is_taken_at_its_word(machine: Machine, clock: Clock) -> None:
    """Times of 0 are no times: then the stream's own latency goes."""
    machine.dac_s = machine.adc_s = 0.0
    live = device(clock)
    live.start()
    live.play(FRAME)
    machine.speaker.ask(480)
    assert live.output_latency_samples == 960 + 480 + 1_200
    live.stop()


async def test_drifting_clocks_cost_silence_only(machine: Machine, clock: Clock) -> None:
    """With a long queue silent frames are left out, whose time comes with what is before them; when it is full replies
    shall wait, and speech that comes all the same costs the oldest, counted.
    """
    live = device(clock)
    live.start()
    for _ in range(8):
        live.play(bytes(960))
    assert live.output_latency_samples == 1_200 + (4 + 6) * 480
    for _ in range(6):
        assert not live.speaker_away
        live.play(FRAME)
    assert live.speaker_away
    live.play(bytes(960))
    assert (live.output_latency_samples, live.dropped_speaker_frames) == (1_200 + (10 + 6 + 1) * 480, 0)
    live.play(FRAME)
    assert live.dropped_speaker_frames == 1
    machine.dac_s = 0.02
    assert machine.speaker.ask(10 * 480) == bytes(3 * 960) + FRAME * 7
    clock.now_s += 0.22
    assert live.output_latency_samples == 0
    assert not live.speaker_away
    live.stop()


async def test_stop_lets_go_of_everything_and_may_come_twice(machine: Machine, clock: Clock) -> None:
    """Both streams are closed."""
    live = device(clock)
    live.start()
    live.stop()
    live.stop()
    assert not any(stream.open or stream.running for stream in machine.streams)


@pytest.mark.parametrize(("kind", "what"), [("inputs", "microphone"), ("outputs", "speaker")])
def test_missing_device_is_one_line(machine: Machine, clock: Clock, kind: str, what: str) -> None:
    """A machine without a microphone or speaker is told so before anybody is called."""
    setattr(machine.devices[0], kind, 0)
    with pytest.raises(UsageError, match=rf"There is no {what}.*plug one in"):
        device(clock)


async def test_device_that_cannot_be_opened_is_one_line(machine: Machine, clock: Clock) -> None:
    """It is in use, say: the person is told which, and nothing stays open."""
    machine.devices[0].takes_hz = (1,)
    live = device(clock)
    with pytest.raises(UsageError, match=r"Cannot open the speaker Built-in .*not in use"):
        live.start()
    assert not any(stream.open for stream in machine.streams)


async def test_devices_are_picked_by_name_part_and_number(machine: Machine, clock: Clock) -> None:
    """Whatever names it, it is opened; and the wrong name lists what there is."""
    machine.plug("USB Headset", 1, 2)
    machine.plug("HDMI", 0, 2)
    for wish in ("USB Headset", "usb", "1"):
        live = device(clock, input=wish, output="hdmi")
        live.start()
        assert machine.microphone.device.name == "USB Headset"
        assert machine.speaker.device.name == "HDMI"
        assert (live.microphone, live.speaker) == ("USB Headset", "HDMI")
        live.stop()
    with pytest.raises(UsageError, match=r"No speaker is called 'Hifi'.*0 Built-in; 1 USB Headset; 2 HDMI"):
        device(clock, output="Hifi")


async def test_card_with_a_rate_of_its_own_is_converted(machine: Machine, clock: Clock) -> None:
    """48 kHz stereo and nothing else: a tone comes through both ways at its pitch and level."""
    machine.devices[0].takes_hz, machine.devices[0].takes_channels = (48_000,), (2,)
    live = device(clock)
    live.start()
    assert (machine.microphone.rate_hz, machine.microphone.channels) == (48_000, 2)
    tone = (10_000 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype(np.int16)
    got = b""
    for at in range(0, 48_000, 960):
        machine.microphone.speak(pcm_of(np.repeat(tone[at : at + 960], 2)))
        await asyncio.sleep(0)
        while live._keeper.intake and live._keeper.intake.waiting:
            got += await live.tick()
    heard_ = np.frombuffer(got, np.int16)[4_000:12_000]
    assert np.argmax(np.abs(np.fft.rfft(heard_))) == 220
    assert 9_500 < np.max(heard_) < 10_500
    loud = b"\x10\x27" * 480
    out = b""
    for _ in range(20):
        live.play(loud)
        out += machine.speaker.ask(960)
    assert np.frombuffer(out, np.int16)[-200:].tolist() == pytest.approx([10_000] * 200, abs=20)
    live.stop()


async def test_tracks_and_meters_show_what_goes_through(machine: Machine, clock: Clock) -> None:
    """Each tick gives the tracks three frames of one instant, and moves the meters."""
    taken: list[tuple[bytes, bytes, bytes]] = []

    class Keep:
        def add(self, mic: bytes, reference: bytes, clean: bytes) -> None:
            taken.append((mic, reference, clean))

    live = device(clock)
    live.tracks = Keep()
    live.start()
    before = live.levels
    await heard(live, machine, b"\0\x20" * 320)
    live.play(b"\0\x40" * 480)
    assert taken == [(b"\0\x20" * 320, bytes(640), b"\0\x20" * 320)]
    assert before.mic_db < live.levels.mic_db == live.levels.clean_db == pytest.approx(-12, abs=0.1)
    assert live.levels.speaker_db == pytest.approx(-6, abs=0.1)
    live.stop()


def test_main_without_a_library_ends_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program says it, too."""
    monkeypatch.setitem(sys.modules, "pyaudio", None)
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert main([]) == 1
    assert capsys.readouterr().err == INSTALL + "\n"
