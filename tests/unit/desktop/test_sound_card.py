"""Devices are found by what people call them, kept through pulling and plugging, and believed with care."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.desktop.failures import UsageError
from clients.desktop.sound_card.backends import open_card
from clients.desktop.sound_card.card import believed
from clients.desktop.sound_card.choice import SoundChoice
from clients.desktop.sound_card.devices import Direction, SoundDevice, default, pick
from clients.desktop.sound_card.listing import Listing, read, written
from clients.desktop.sound_card.outlet import Outlet
from clients.desktop.sound_card.stream_clock import StreamClock

BUILT_IN = SoundDevice(0, "Built-in", "MME", 2, 2, 44_100, True, True)
HEADSET = SoundDevice(1, "USB Headset", "MME", 1, 2, 48_000)
AGAIN = SoundDevice(2, "USB Headset", "Windows WASAPI", 1, 2, 48_000)
HDMI = SoundDevice(3, "HDMI", "MME", 0, 2, 48_000)
ALL = [BUILT_IN, HEADSET, AGAIN, HDMI]


@pytest.mark.parametrize(
    ("wish", "found"),
    [("", BUILT_IN), ("headset", HEADSET), ("USB Headset", HEADSET), ("2", AGAIN), ("HDMI", HDMI), ("3", HDMI)],
)
def test_a_speaker_is_found(wish: str, found: SoundDevice) -> None:
    """By nothing, a part of its name, its name or its number; of two ways to the same one the default's."""
    assert pick(ALL, wish, Direction.OUTPUT) is found


@pytest.mark.parametrize("wish", ["9", "3", "hifi", "b"])
def test_what_is_no_microphone_is_refused(wish: str) -> None:
    """No such number, one that has no input, no such name, a part of several names: each time the list is told."""
    with pytest.raises(UsageError, match="There are: 0 Built-in; 1 USB Headset"):
        pick(ALL, wish, Direction.INPUT)


def test_without_a_default_any_device_is_better_than_none() -> None:
    """Some systems name none."""
    assert default([HDMI, HEADSET], Direction.INPUT) is HEADSET
    assert default([HDMI], Direction.INPUT) is None


def test_wrong_choices_are_told_what_there_is() -> None:
    """Both the way with echo and the library."""
    with pytest.raises(UsageError, match="choose device, headphones, server or off"):
        SoundChoice(echo="away")
    with pytest.raises(UsageError, match="choose sounddevice or pyaudio"):
        open_card("alsa")
    assert SoundChoice(backend="auto", echo="auto") == SoundChoice()


@settings(deadline=None)
@given(st.integers(0, 1_000), st.integers(-100, 100))
def test_a_clock_believes_the_earliest_callback(seed: int, ppm: int) -> None:
    """Callbacks come up to 20 ms late and the card's rate is a little off: it is right within 3 ms all the time."""
    chance, clock, rate = random.Random(seed), StreamClock(24_000), 24_000 * (1 + ppm * 1e-6)
    for number in range(500):
        count, true_s = number * 480, 7 + number * 480 / rate
        clock.tell(count, true_s + (0 if number % 10 == 0 else chance.uniform(0, 0.02)))
        assert abs(clock.at_s(count) - true_s) < 0.003
    assert clock.count_at(clock.at_s(1_234)) == pytest.approx(1_234)


def test_times_that_cannot_be_true_are_not_believed() -> None:
    """Zero, negative, and further than any card is."""
    assert [believed(seconds) for seconds in (0.0, -0.1, 100.0, 0.02)] == [None, None, None, 0.02]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["put", "ask", "wait"]), st.integers(1, 1_200)), max_size=60))
def test_unheard_samples_are_never_more_than_were_put(steps: list[tuple[str, int]]) -> None:
    """Whatever sizes the card asks for: what is unheard was put, and time alone makes it less."""
    now_s, put = 5.0, 960
    outlet = Outlet(lambda: now_s)
    for step, number in steps:
        if step == "put":
            outlet.put(b"\1\0" * 480)
            put += 480
        elif step == "ask":
            assert len(outlet.supply(number, 0.03)) == 2 * number
            now_s += number / 24_000
        else:
            now_s += number / 24_000
        assert 0 <= outlet.unheard_samples() <= put + 720
    now_s += 10
    for _ in range(20):
        outlet.supply(480, 0.03)
        now_s += 0.02
    now_s += 1
    assert outlet.unheard_samples() == 0


def test_a_list_survives_its_way_between_processes() -> None:
    """As JSON; what is no such list is none."""
    assert read(written(ALL)) == ALL
    for nonsense in ("", "{", "[1]", '[{"number": 1}]', "null"):
        assert read(nonsense) is None


def test_a_look_up_that_fails_finds_nothing() -> None:
    """The child has no such backend: no list, no exception."""
    listing = Listing("nonsense")
    listing.wait()
    assert listing.result() is None
    listing.put_away()


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program there")
def test_a_long_list_is_found_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads before the look-up has ended, and a pipe holds 4 KiB on Windows, 64 KiB here: it would never end."""
    devices = [SoundDevice(number, f"Device {number}", "ALSA", 2, 2, 48_000) for number in range(1_000)]
    program = tmp_path / "python"
    program.write_text(f"#!{sys.executable}\nprint({written(devices)!r})\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    listing = Listing("sounddevice")
    listing.wait()
    assert listing.result() == devices
    listing.put_away()
