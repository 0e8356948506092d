"""The sound devices of this machine, and which of them a person means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..failures import UsageError


class Direction(StrEnum):
    """Which way the sound goes, named for the person."""

    INPUT = "microphone"
    OUTPUT = "speaker"


@dataclass(frozen=True, slots=True)
class SoundDevice:
    """One device as the system lists it. Numbers hold until the list is looked up afresh; names hold longer."""

    number: int
    name: str
    host: str
    """The system's way to it: "ALSA", "Windows WASAPI", "Core Audio"…"""
    inputs: int
    outputs: int
    rate_hz: int
    """The rate it likes best."""
    is_default_input: bool = False
    is_default_output: bool = False

    def serves(self, direction: Direction) -> bool:
        """Whether it can be used so."""
        return (self.inputs if direction is Direction.INPUT else self.outputs) > 0

    def is_default(self, direction: Direction) -> bool:
        """Whether it is the one the system uses so."""
        return self.is_default_input if direction is Direction.INPUT else self.is_default_output


def usable(devices: Iterable[SoundDevice], direction: Direction) -> list[SoundDevice]:
    """Return the devices that can be used so."""
    return [device for device in devices if device.serves(direction)]


def default(devices: Iterable[SoundDevice], direction: Direction) -> SoundDevice | None:
    """Return the system's own choice, any where it has none, None where there is nothing."""
    fit = usable(devices, direction)
    return next((device for device in fit if device.is_default(direction)), fit[0] if fit else None)


def is_number(wish: str) -> bool:
    """Whether a wish may be a device's number, which is one of the list that the person has seen."""
    return wish.strip().isascii() and wish.strip().isdigit()


def wished(devices: Sequence[SoundDevice], wish: str, direction: Direction, host: str = "") -> SoundDevice | None:
    """Return the device that a name, a number or a part of a name means; None when there is none, or several.

    One device often stands in the list once for each of the system's ways to it: then the way `host` is meant, else
    the default's, else the first.
    """
    fit, wish = usable(devices, direction), wish.strip()
    named = [device for device in fit if device.name.casefold() == wish.casefold()]
    if not named and is_number(wish):
        return next((device for device in fit if device.number == int(wish)), None)
    named = named or [device for device in fit if wish.casefold() in device.name.casefold()]
    if len({device.name for device in named}) != 1:
        return None
    usual = default(devices, direction)
    hosts = (host, usual.host if usual else "")
    return next((device for each in hosts for device in named if device.host == each), named[0])


def pick(devices: Sequence[SoundDevice], wish: str, direction: Direction, host: str = "") -> SoundDevice:
    """Return the device that is wished for; "" is the system's default. Raises UsageError that lists what there is."""
    device = wished(devices, wish, direction, host) if wish.strip() else default(devices, direction)
    if device is not None:
        return device
    fit = usable(devices, direction)
    if not fit:
        raise UsageError(f"There is no {direction} on this machine: plug one in, and start again.")
    listed = "; ".join(f"{each.number} {each.name}" for each in fit)
    raise UsageError(f"No {direction} is called {wish!r}, or more than one is. There are: {listed}.")
