"""The narrow waist between a conversation and sound: whatever ticks each 20 ms, live or not, is an `AudioDevice`."""

from __future__ import annotations

from typing import Protocol


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
