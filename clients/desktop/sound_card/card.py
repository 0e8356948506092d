"""The narrow waist between the client and what drives the sound card: a `SoundCard` lists devices and opens streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .devices import SoundDevice

Hear = Callable[[bytes, float | None], None]
"""Called, in a thread of the sound card's, with mono PCM16 and how many seconds ago its first sample was captured."""
Supply = Callable[[int, float | None], bytes]
"""Called, in a thread of the sound card's, with how many samples it wants and in how many seconds the first is heard;
returns just so many, mono PCM16. Seconds are None where the card does not know them."""

MOST_BELIEVED_S = 2.0
"""A card that claims to be further from the air than this does not know."""


class CannotOpen(Exception):
    """The device is missing, in use, or does not take this rate; the text says why within a sentence, in one line."""


class Stream(Protocol):
    """Sound that flows one way, from the moment it was opened."""

    @property
    def latency_s(self) -> float:
        """What the driver says of its latency; the callbacks' times know better."""

    @property
    def alive(self) -> bool:
        """Whether it still flows, as far as the driver knows."""

    def close(self) -> None:
        """Stop and let go. Calling it again does nothing; it raises nothing, whatever became of the device."""


class SoundCard(Protocol):
    """One library's way to the sound cards of this machine."""

    name: str

    def devices(self) -> list[SoundDevice]:
        """Return what there was when the library looked last."""

    def open_input(self, device: SoundDevice, rate_hz: int, channels: int, frames: int, hear: Hear) -> Stream:
        """Open a microphone. Raises CannotOpen."""

    def open_output(self, device: SoundDevice, rate_hz: int, channels: int, frames: int, supply: Supply) -> Stream:
        """Open a speaker. Raises CannotOpen."""

    def refresh(self) -> None:
        """Look afresh what devices there are. All streams must be closed before: the library begins anew."""

    def close(self) -> None:
        """Let go of everything."""


def believed(seconds: float) -> float | None:
    """Return what a driver says of a distance in time, if it can be true: some leave the times at 0."""
    return seconds if 0 < seconds <= MOST_BELIEVED_S else None
