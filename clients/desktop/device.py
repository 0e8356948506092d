"""The narrow waist between a conversation and sound: whatever ticks each 20 ms, live or not, is an `AudioDevice`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeGuard, runtime_checkable

from .meters import EchoState, Levels
from .recording import Tracks
from .sound_card.choice import SoundChoice
from .sound_card.devices import SoundDevice

MADE_GOOD_S = 8.0
"""So much of a stall of this program is made good, by ticks that come at once: a server takes no more than some seconds
of microphone ahead of their time. What was slept through before that is no time of the conversation's."""


class AudioDevice(Protocol):
    """A microphone and a speaker in step. Each tick gives one frame of the first and wants one for the second."""

    @property
    def output_latency_samples(self) -> int:
        """24 kHz samples taken by `play` that can't be heard yet."""

    @property
    def input_latency_samples(self) -> int:
        """16 kHz samples between the air and the end of the frame that `tick` returned."""

    def start(self) -> None:
        """Begin to capture and to play. Raises UsageError when there is no such device."""

    async def tick(self) -> bytes:
        """Wait for the next 20 ms; return what the microphone heard: 640 bytes, 16 kHz. Raises DeviceLost."""

    def play(self, pcm: bytes) -> None:
        """Take the next 20 ms for the speaker: 960 bytes, 24 kHz. Once after each tick."""

    def stop(self) -> None:
        """Fall silent and let go of the hardware. Calling it again does nothing."""


@runtime_checkable
class KnownDevice(Protocol):
    """A device that can say more of itself: a sound card. What has no such thing to say need not."""

    @property
    def levels(self) -> Levels:
        """How loud it is."""

    @property
    def echo(self) -> EchoState:
        """How the speaker is kept out of the microphone."""

    @property
    def microphone(self) -> str:
        """The name of the microphone in use."""

    @property
    def speaker(self) -> str:
        """The name of the speaker in use."""

    @property
    def speaker_away(self) -> bool:
        """Whether no speaker takes anything just now, so that replies should wait."""

    @property
    def trouble(self) -> str:
        """One line for the person; "" when all is well."""

    @property
    def dropped_mic_frames(self) -> int:
        """Frames of the microphone that this machine was too busy to take."""

    @property
    def dropped_speaker_frames(self) -> int:
        """Frames for the speaker that were too many for it."""

    @property
    def starved_calls(self) -> int:
        """Times the speaker wanted more than there was."""


class ChoosableDevice(AudioDevice, Protocol):
    """A device whose microphone and speaker can be chosen while it works: a sound card, not files."""

    tracks: Tracks | None
    """Takes the sound of each frame while it is set."""

    @property
    def choice(self) -> SoundChoice:
        """What is chosen by now, for the next call."""

    def devices(self) -> Sequence[SoundDevice]:
        """Return those that are known."""

    async def refresh(self) -> Sequence[SoundDevice]:
        """Look for them again; what is plugged in or pulled out shows."""

    def choose(self, input: str | None = None, output: str | None = None) -> None:
        """Go on with other ones. Raises UsageError."""

    def switch_echo(self, way: str) -> str:
        """Keep the speaker out of the microphone in another way; return one line where that has to wait for the next
        call, else "". Raises UsageError.
        """


def is_choosable(device: object) -> TypeGuard[ChoosableDevice]:
    """Whether its microphone and speaker can be chosen."""
    return hasattr(device, "switch_echo")
