"""Keeps one call's speaker out of its microphone: the way, what of it may change in mid-call, and the canceller.

The server is told once, when a call opens, whether echo is left to it. So that stands to the end of the call, whatever
is chosen or plugged in meanwhile: else nobody would cancel, or both would.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..failures import UsageError
from ..meters import EchoState
from ..sound import MIC_FRAME_SAMPLES, SAMPLE_BYTES
from ..sound_card.choice import ECHO_CHOICES
from .aec3 import LATENCY
from .canceller import EchoCanceller
from .way import EchoWay, decide

SILENCE = bytes(MIC_FRAME_SAMPLES * SAMPLE_BYTES)


class EchoGuard:
    """One call's. `choice` is what the person wants, from the next call on at the latest; "" as the devices suggest."""

    def __init__(self, choice: str, speaker: str, microphone: str) -> None:
        self.choice = choice
        self.way = decide(choice, speaker, microphone)
        """What is done now."""
        self._declared = self.way
        self._now = choice
        self._canceller: EchoCanceller | None = None

    @property
    def state(self) -> EchoState:
        """The way, and how well it does."""
        return self._canceller.state if self._canceller else EchoState(self.way.value)

    @property
    def latency_samples(self) -> int:
        """16 kHz samples by which the microphone is later."""
        return LATENCY if self._canceller else 0

    def choose(self, choice: str) -> str:
        """Note another choice; return one line for the person where it has to wait for the next call. Begin anew then.

        Raises UsageError.
        """
        if choice not in ECHO_CHOICES:
            raise UsageError(f"Echo can't be {choice!r}: choose device, headphones, server or off.")
        self.choice = choice
        if self._declared is EchoWay.SERVER and choice != "server":
            return "This call's echo is left to the server, to its end: your choice counts from the next call on."
        if self._declared is not EchoWay.SERVER and choice == "server":
            return "Echo is left to the server from the next call on: it is told when a call begins."
        self._now = choice
        return ""

    def begin_anew(self, speaker: str, microphone: str) -> None:
        """Take up the way for these devices: what was learnt of others is forgotten."""
        way = decide(self._now, speaker, microphone)
        if self._declared is EchoWay.SERVER:
            way = EchoWay.SERVER
        elif way is EchoWay.SERVER:  # no canceller is installed, and the server was not asked
            way = EchoWay.OFF
        self.way = way
        self._canceller = EchoCanceller() if way is EchoWay.DEVICE else None

    def clean(self, pcm: bytes, captured_s: float | None, given: Iterable[tuple[bytes, float]]) -> tuple[bytes, bytes]:
        """Return a frame of the microphone freed of echo, and the reference of the same moment, silence where none is.

        `captured_s`: None where silence stands in for the frame. `given`: what the card was given for the speaker
        since the last frame, and when it is heard.
        """
        if self._canceller is None:
            return pcm, SILENCE
        for block, heard_s in given:
            self._canceller.play(block, heard_s)
        return self._canceller.feed(pcm, captured_s) if captured_s is not None else (pcm, SILENCE)
