"""What the screen wants of a sound card beyond playing and hearing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeGuard

from ..device import AudioDevice
from ..meters import Levels
from .sound_choices import Choice, Device


class Tracks(Protocol):
    """Takes the sound of each 20 ms, all of one instant, at 16 kHz."""

    def add(self, mic: bytes, reference: bytes, clean: bytes) -> None: ...


class SoundCard(AudioDevice, Protocol):
    """A device whose microphone and speaker can be chosen while it works."""

    tracks: Tracks | None

    @property
    def levels(self) -> Levels: ...

    def devices(self) -> Sequence[Device]:
        """Return those that are known."""

    async def refresh(self) -> Sequence[Device]:
        """Look for them again; what is plugged in or pulled out shows."""

    def choose(self, input: str | None = None, output: str | None = None) -> None:
        """Go on with other ones. Raises UsageError."""

    def switch_echo(self, way: str) -> None:
        """Keep the speaker out of the microphone in another way. Raises UsageError."""


def has_devices(device: object) -> TypeGuard[SoundCard]:
    """Whether it is a sound card rather than files."""
    return hasattr(device, "switch_echo")


def take(card: SoundCard, choice: Choice) -> None:
    """Go on with what was chosen. Raises UsageError."""
    match choice.kind:
        case "input":
            card.choose(input=choice.value)
        case "output":
            card.choose(output=choice.value)
        case "echo":
            card.switch_echo(choice.value)
