"""A sound card whose time and plugs the test has in its hand."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from clients.desktop.live import LiveDevice
from clients.desktop.sound_card.choice import SoundChoice
from clients.desktop.sound_card.devices import SoundDevice

from .sound_card import Machine

FRAME = b"\1\0" * 480
SPEECH = b"\5\0" * 320


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 50.0
        self.step_s = 0.0
        """What passes each time that somebody looks."""

    def __call__(self) -> float:
        """Return the time."""
        self.now_s += self.step_s
        return self.now_s


class FakeListing:
    """A look-up that is done at once."""

    machine: Machine
    looked = 0

    def __init__(self, backend: str) -> None:
        FakeListing.looked += 1

    done = True

    def wait(self) -> None:
        """It is done."""

    def put_away(self) -> None:
        """Nothing to be put away."""

    def result(self) -> list[SoundDevice] | None:
        """Return what is plugged in just now."""
        machine = FakeListing.machine
        return [
            SoundDevice(number, each.name, "ALSA", each.inputs, each.outputs, 48_000, number == 0, number == 0)
            for number, each in enumerate(machine.devices)
        ]


def device(clock: Clock, **chosen: str) -> LiveDevice:
    """Return a sound card with headphones, unless something else is chosen."""
    choice = replace(SoundChoice(echo="headphones"), **chosen)  # type: ignore[arg-type]
    return LiveDevice(choice=choice, look_up=FakeListing, clock=clock)  # type: ignore[arg-type]


async def heard(live: LiveDevice, machine: Machine, pcm: bytes = SPEECH) -> bytes:
    """Let the microphone hear something, and return the tick."""
    machine.microphone.speak(pcm)
    await asyncio.sleep(0)
    return await live.tick()
