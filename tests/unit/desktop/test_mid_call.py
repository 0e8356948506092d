"""What changes of the sound in mid-call: devices go, come and are chosen."""

from __future__ import annotations

import asyncio

import pytest

from clients.desktop.failures import UsageError
from clients.desktop.live import LiveDevice
from clients.desktop.sound_card.choice import SoundChoice

from .live_stage import FRAME, SPEECH, Clock, FakeListing, device, heard
from .sound_card import Machine, Plugged, plug_in


async def test_unplugged_headset_falls_back_and_is_taken_up_again(machine: Machine, clock: Clock) -> None:
    """The call goes on with the default, says so, and goes back to what was chosen when it is there again."""
    machine.plug("USB Headset", 1, 2)
    live = device(clock, input="usb", output="usb")
    live.start()
    machine.unplug("USB Headset")
    assert await asyncio.wait_for(heard_again(live, machine), 5) == SPEECH
    assert live.microphone == live.speaker == "Built-in"
    assert "The microphone USB Headset is gone: Built-in stands in until it is back." in live.trouble
    machine.plug("USB Headset", 1, 2)
    clock.now_s += 3
    for _ in range(3):
        await heard(live, machine)
    assert live.microphone == live.speaker == "USB Headset"
    assert live.trouble == ""
    live.stop()


async def heard_again(live: LiveDevice, machine: Machine) -> bytes:
    """Tick once, so that the loss is noticed, and then hear something."""
    live._due_s -= 1
    await live.tick()
    return await heard(live, machine)


async def test_without_any_device_the_call_waits_for_one(machine: Machine, clock: Clock) -> None:
    """The only one is pulled out: silence is sent, replies wait, the person is told; then it goes on."""
    live = device(clock)
    live.start()
    machine.unplug("Built-in")
    live._due_s -= 1
    assert await live.tick() == bytes(640)
    assert live.speaker_away
    assert "plug one in; the call goes on" in live.trouble
    live.play(FRAME)
    machine.plug("Built-in", 2, 2)
    clock.now_s += 3
    live._due_s -= 1
    await live.tick()
    clock.now_s += 3
    await live.tick()
    assert not live.speaker_away
    assert await heard(live, machine) == SPEECH
    assert live.trouble == ""
    live.stop()


async def test_a_silent_driver_is_taken_for_lost(machine: Machine, clock: Clock) -> None:
    """One that says it is alive and never calls is opened anew after a second."""
    live = device(clock)
    live.start()
    opened = len(machine.streams)
    clock.now_s += 1.5
    live._due_s -= 1
    await live.tick()
    assert len(machine.streams) == opened + 2
    assert machine.begun == 2
    live.stop()


async def test_no_list_is_looked_up_while_all_is_well(machine: Machine, clock: Clock) -> None:
    """A look-up costs a process: only who misses something asks."""
    live = device(clock)
    live.start()
    for _ in range(5):
        clock.now_s += 0.5
        machine.speaker.ask(480)
        await heard(live, machine)
    assert FakeListing.looked == 0
    machine.plug("New", 1, 1)
    assert [each.name for each in await live.refresh()] == ["Built-in", "New"]
    assert len(machine.streams) == 2
    live.stop()


async def test_other_devices_can_be_chosen_in_mid_call(machine: Machine, clock: Clock) -> None:
    """The streams are opened anew; a wrong name changes nothing."""
    machine.plug("USB Headset", 1, 2)
    live = device(clock)
    live.start()
    live.choose(input="usb")
    assert (live.microphone, live.speaker) == ("USB Headset", "Built-in")
    with pytest.raises(UsageError):
        live.choose(output="nonsense")
    assert live.speaker == "Built-in"
    assert await heard(live, machine) == SPEECH
    live.stop()


async def test_a_chosen_device_that_cannot_be_opened_is_stood_in_for(machine: Machine, clock: Clock) -> None:
    """It is listed, and another program has it: the default goes on undisturbed, told once, until it can be opened."""
    machine.plug("USB Headset", 1, 2)
    live = device(clock)
    live.start()
    machine.devices[1].takes_hz = (1,)
    live.choose(output="usb")
    told = live.trouble
    assert told.startswith("The speaker USB Headset can't be used (")
    assert told.endswith("): Built-in stands in until it can be.")
    assert (live.speaker, live.microphone) == ("Built-in", "Built-in")
    opened = len(machine.streams)
    await pass_s(live, machine, clock, 3)
    assert (len(machine.streams), live.trouble) == (opened, told)
    machine.devices[1].takes_hz = ()
    await pass_s(live, machine, clock, 3)
    assert (live.speaker, live.trouble) == ("USB Headset", "")
    live.stop()


async def test_a_chosen_device_that_gives_no_sound_is_stood_in_for(machine: Machine, clock: Clock) -> None:
    """Its driver says that it is alive and never calls: opened anew once, then the default takes over."""
    machine.plug("USB Headset", 1, 2)
    clock.step_s = 1e-6
    live = device(clock, input="usb")
    live.start()
    for _ in range(2):
        assert live.microphone == "USB Headset"
        clock.now_s += 0.9
        machine.speaker.ask(480)
        clock.now_s += 0.2
        live._due_s -= 1
        await live.tick()
    assert (live.microphone, live.speaker) == ("Built-in", "Built-in")
    assert "The microphone USB Headset can't be used (no sound flows): Built-in stands in" in live.trouble
    opened = len(machine.streams)
    await pass_s(live, machine, clock, 3)
    assert len(machine.streams) == opened
    live.stop()


async def pass_s(live: LiveDevice, machine: Machine, clock: Clock, seconds: float) -> None:
    """Let time pass, and sound flow."""
    for _ in range(round(seconds / 0.5)):
        clock.now_s += 0.5
        machine.speaker.ask(480)
        await heard(live, machine)


async def test_a_number_means_the_same_device_for_good(machine: Machine, clock: Clock) -> None:
    """When another one is plugged in before it in the list, and in the next call from the same screen, too."""
    machine.plug("USB Headset", 1, 2)
    live = device(clock, input="1")
    live.start()
    machine.devices.insert(1, Plugged("Webcam", 1, 0))
    machine.speaker.running = False
    live._due_s -= 1
    await live.tick()
    assert live.microphone == "USB Headset"
    assert live.choice.input == "USB Headset"
    live.stop()


async def test_what_no_speaker_took_is_heard_from_the_next(machine: Machine, clock: Clock) -> None:
    """Nothing of a reply is lost with its speaker but what was in the card: it waits, and does not count as heard."""
    live = device(clock)
    live.start()
    machine.dac_s = 0.02
    machine.speaker.ask(960)
    for _ in range(3):
        live.play(FRAME)
    clock.now_s += 0.06
    assert live.output_latency_samples == 3 * 480
    machine.unplug("Built-in")
    live._due_s -= 1
    await live.tick()
    assert live.speaker_away
    for number in range(1, 100):
        live.play(bytes(960))
        assert live.output_latency_samples == (3 + number) * 480, "it stands still"
    machine.plug("Built-in", 2, 2)
    clock.now_s += 3
    for _ in range(2):
        live._due_s -= 1
        await live.tick()
    assert machine.speaker.ask(4 * 480) == 3 * FRAME + bytes(960)
    clock.now_s += 0.1
    assert live.output_latency_samples == 0
    live.stop()


async def test_the_next_call_has_what_was_chosen_in_this_one(machine: Machine, clock: Clock) -> None:
    """Where it is gone by then the default stands in, as in mid-call: on the screen nobody could choose another one."""
    machine.plug("USB Headset", 1, 2)
    live = device(clock)
    live.start()
    live.choose(output="usb")
    live.stop()
    assert live.choice == SoundChoice("", "USB Headset", "", "headphones", again=True)
    machine.unplug("USB Headset")
    machine.seen = list(machine.devices)
    following = LiveDevice(choice=live.choice, look_up=FakeListing, clock=clock)  # type: ignore[arg-type]
    following.start()
    assert following.speaker == "Built-in"
    assert following.trouble == "The speaker USB Headset is gone: Built-in stands in until it is back."
    following.stop()


def test_a_card_on_which_the_device_is_not_there_is_let_go_of(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyAudio begins PortAudio for each call: it has to end it, too."""
    machine = plug_in(monkeypatch, "pyaudio")
    with pytest.raises(UsageError):
        device(clock, output="nonsense")
    assert (machine.begun, machine.ended) == (1, 1)
