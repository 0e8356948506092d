"""The way with echo: as the devices suggest, switched in mid-call, and agreed with the server to the end of a call."""

from __future__ import annotations

import pytest

from clients.desktop.echo import way
from clients.desktop.echo.aec3 import LATENCY
from clients.desktop.echo.way import EchoWay
from clients.desktop.failures import UsageError
from clients.desktop.live import LiveDevice

from .live_stage import Clock, FakeListing, device, heard
from .sound_card import Machine


async def test_echo_is_kept_away_as_the_devices_suggest(machine: Machine, clock: Clock) -> None:
    """Speakers: cancelled here, so the microphone is 8 ms later. Headphones by name: not. And it can be switched."""
    machine.plug("USB Headset", 1, 2)
    live = device(clock, echo="auto")
    live.start()
    assert live.echo.way == EchoWay.DEVICE
    assert live.echo.erle_db is None
    await heard(live, machine)
    assert live.input_latency_samples == LATENCY
    live.choose(output="usb")
    await heard(live, machine)
    assert live.echo.way == EchoWay.HEADPHONES
    assert live.switch_echo("off") == ""
    assert live.echo.way == "off"
    with pytest.raises(UsageError, match="choose device, headphones, server or off"):
        live.switch_echo("loudly")
    live.stop()


async def test_who_cancels_echo_stays_to_the_end_of_a_call(machine: Machine, clock: Clock) -> None:
    """The server was told once. Left to it in mid-call nobody would cancel, taken from it both would: so that waits for
    the next call, which knows; and the person is told.
    """
    live = device(clock, echo="device")
    live.start()
    assert "from the next call on" in live.switch_echo("server")
    assert live.echo.way == "device"
    live.choose(output="Built-in")
    await heard(live, machine)
    assert (live.echo.way, live.choice.echo) == ("device", "server")
    live.stop()
    following = LiveDevice(choice=live.choice, look_up=FakeListing, clock=clock)  # type: ignore[arg-type]
    following.start()
    assert following.echo.way == "server"
    assert "from the next call on" in following.switch_echo("headphones")
    assert (following.echo.way, following.choice.echo) == ("server", "headphones")
    following.stop()


async def test_without_a_canceller_speakers_in_mid_call_are_said_not_to_be_cancelled(
    machine: Machine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The headset is pulled out: the server was told that there is no echo, so it is not said that it sees to it."""
    monkeypatch.setattr(way, "installed", lambda: False)
    machine.plug("USB Headset", 1, 2)
    live = device(clock, echo="", output="usb")
    live.start()
    assert live.echo.way == "headphones"
    machine.unplug("USB Headset")
    live._due_s -= 1
    await live.tick()
    assert (live.speaker, live.echo.way) == ("Built-in", "off")
    live.stop()
