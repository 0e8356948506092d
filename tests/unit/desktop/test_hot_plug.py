"""Devices that go away, come back, change their number, or are there and can't be used: what should be in use then."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.desktop.failures import UsageError
from clients.desktop.sound_card.devices import Direction, SoundDevice, pick
from clients.desktop.sound_card.hot_plug import LONGEST_WAIT_S, LOOK_EACH_S, TRIED_AGAIN_AFTER_S, HotPlug

BUILT_IN = SoundDevice(0, "Built-in", "MME", 2, 2, 44_100, True, True)
HEADSET = SoundDevice(1, "USB Headset", "MME", 1, 2, 48_000)
AGAIN = SoundDevice(2, "USB Headset", "Windows WASAPI", 1, 2, 48_000)
HDMI = SoundDevice(3, "HDMI", "MME", 0, 2, 48_000)
ALL = [BUILT_IN, HEADSET, AGAIN, HDMI]

plugging = st.lists(st.tuples(st.sets(st.sampled_from([0, 1, 3])), st.floats(0.1, 5)), max_size=20)


@settings(deadline=None)
@given(st.sampled_from(["", "headset", "HDMI"]), plugging)
def test_what_should_be_in_use_is_in_use_whatever_is_plugged(wish: str, moments: list[tuple[set[int], float]]) -> None:
    """Once a look is due: the one chosen if it is there, else the default, else nothing, and it says so."""
    plug, now_s = HotPlug(Direction.OUTPUT, wish), 0.0
    plug.taken(pick(ALL, wish, Direction.OUTPUT))
    for numbers, passes_s in moments:
        there = [device for device in ALL if device.number in numbers]
        now_s += passes_s
        if plug.device not in there and plug.device is not None:
            plug.lost(now_s)
            plug.taken(plug.best(there, now_s))
        now_s += LOOK_EACH_S
        if plug.wants_look(now_s) and plug.would_change(there, now_s):
            plug.taken(plug.best(there, now_s))
        assert plug.device is None or plug.device in there
        assert (plug.device is None) == (not there)
        chosen = pick(ALL, wish, Direction.OUTPUT)
        if wish and chosen in there:
            assert plug.device == chosen
            assert plug.trouble == ""
        if plug.device is None:
            assert "plug one in" in plug.trouble


def take_up(plug: HotPlug, devices: list[SoundDevice], now_s: float, broken: set[str]) -> int:
    """Open what should be in use as the keeper does; return how many were tried."""
    tried = 0
    plug.taken(None)
    while device := plug.best(devices, now_s):
        tried += 1
        if device.name not in broken:
            plug.taken(device)
            break
        plug.refused(device, "it is in use", now_s)
    return tried


def test_what_is_listed_and_cannot_be_opened_is_stood_in_for_and_tried_ever_more_seldom() -> None:
    """The default takes over at once, and the trouble says why, all the time; each try would interrupt it."""
    plug, tries, said = HotPlug(Direction.INPUT, "headset"), list[float](), set[str]()
    take_up(plug, ALL, 0.0, {"USB Headset"})
    for now_s in range(1, 301):
        if plug.wants_look(now_s) and plug.would_change(ALL, now_s):
            tries.append(now_s)
            take_up(plug, ALL, now_s, {"USB Headset"})
        assert plug.device == BUILT_IN
        said.add(plug.trouble)
    assert said == {"The microphone USB Headset can't be used (it is in use): Built-in stands in until it can be."}
    waits = [after - before for before, after in zip([0, *tries], tries, strict=False)]
    assert waits == sorted(waits)
    assert waits[0] == TRIED_AGAIN_AFTER_S
    assert waits[-1] == pytest.approx(LONGEST_WAIT_S, abs=LOOK_EACH_S)
    take_up(plug, ALL, 1_000, set())
    assert (plug.device, plug.trouble) == (HEADSET, "")


def test_a_default_that_cannot_be_opened_is_waited_for() -> None:
    """No other device is taken at random: the person is told what to do, and sound goes on when it can."""
    plug = HotPlug(Direction.OUTPUT, "")
    assert take_up(plug, ALL, 0.0, {"Built-in"}) == 1
    assert plug.device is None
    assert plug.trouble == (
        "The speaker Built-in can't be used (it is in use): close what else uses it, or choose another one; "
        "the call goes on, but the reply waits."
    )
    assert not plug.would_change(ALL, TRIED_AGAIN_AFTER_S - 1)
    assert plug.would_change(ALL, TRIED_AGAIN_AFTER_S)
    plug.choose(HDMI)
    assert take_up(plug, ALL, 1.0, {"Built-in"}) == 1
    assert plug.best(ALL, 1.0) == HDMI
    assert plug.trouble == ""


def test_a_device_from_which_no_sound_ever_flows_is_refused_the_second_time() -> None:
    """Once may be chance; a device that works again is trusted again."""
    plug = HotPlug(Direction.INPUT, "headset")
    plug.taken(HEADSET)
    plug.lost(1.0)
    plug.silent(HEADSET, 1.0)
    assert plug.best(ALL, 1.0) == HEADSET
    plug.taken(HEADSET)
    plug.lost(2.0)
    plug.silent(HEADSET, 2.0)
    assert plug.best(ALL, 2.0) == BUILT_IN
    assert plug.best(ALL, 2.0 + TRIED_AGAIN_AFTER_S) == HEADSET
    plug.taken(HEADSET)
    plug.works()
    plug.lost(50.0)
    plug.silent(HEADSET, 50.0)
    assert plug.best(ALL, 50.0) == HEADSET


def test_a_number_means_the_device_it_was_chosen_for() -> None:
    """In the next list other devices have the numbers; of two ways to the device it is the one that was chosen."""
    plug = HotPlug(Direction.INPUT, "2")
    assert plug.pick(ALL) == AGAIN
    plug.taken(AGAIN)
    later = [replace(device, number=device.number + 1) for device in ALL]
    plug.lost(0.0)
    assert plug.best(later, 0.0) == replace(AGAIN, number=3)
    assert plug.best([BUILT_IN, replace(HDMI, number=2, inputs=1)], 0.0) == BUILT_IN
    with pytest.raises(UsageError, match="There are: 0 Built-in"):
        HotPlug(Direction.INPUT, "7").pick(ALL)


def test_what_was_chosen_in_the_call_before_and_is_gone_is_stood_in_for() -> None:
    """By a part of its name, too; and it is taken up when it is back."""
    plug = HotPlug(Direction.INPUT, "usb")
    take_up(plug, [BUILT_IN], 0.0, set())
    assert plug.trouble == "The microphone usb is gone: Built-in stands in until it is back."
    assert plug.would_change(ALL, 2.0)
    take_up(plug, ALL, 2.0, set())
    assert (plug.device, plug.trouble) == (HEADSET, "")
