"""The person's ear: a device without sound that knows when a certain sample of a certain answer leaves its speaker.

It listens to the sound itself, not to what the server says of it: the signs of 64 samples in a row name their place.
"""

from __future__ import annotations

import asyncio
from typing import Final

import numpy as np

from clients.desktop.headless import HeadlessDevice
from tests.chaos.mind import WORD_SAMPLES, answer_samples, track_of
from tests.chaos.wording import Heard
from tests.fakes.position_code import WINDOW_SAMPLES, track_pcm

_KEPT: Final = WINDOW_SAMPLES - 1
_BEFORE: Final = (0, 480, 960)


class Ear(HeadlessDevice):
    """A headless device with an ear at its speaker."""

    def __init__(self) -> None:
        super().__init__()
        self._awaited: dict[bytes, asyncio.Event] = {}
        self._before = b""

    def hears(self, heard: Heard, samples: int) -> asyncio.Event:
        """Return what is set once an answer has been played up to about its sample `samples`, or beyond.

        Within 40 ms: where the speaker has run dry just there, the signs before it are as good. Where an answer broke
        off there, and was gone on with, those of a later word are.
        """
        event = asyncio.Event()
        for place in range(samples, answer_samples(heard.utterance) + 1, WORD_SAMPLES):
            for before in _BEFORE:
                if (begin := place - WINDOW_SAMPLES - before) >= 0:
                    self._awaited[_signs(track_pcm(track_of(heard), WINDOW_SAMPLES, begin))] = event
        return event

    def play(self, pcm: bytes) -> None:
        """Play into the recording, and listen."""
        super().play(pcm)
        if not self._awaited:
            return
        signs = self._before + _signs(pcm)
        self._before = signs[-_KEPT:]
        found = {event for pattern, event in self._awaited.items() if pattern in signs}
        for event in found:
            event.set()
        self._awaited = {pattern: event for pattern, event in self._awaited.items() if event not in found}


def _signs(pcm: bytes) -> bytes:
    """Return a byte for the sign of each sample: -1, 0 or 1."""
    return bytes(np.sign(np.frombuffer(pcm, "<i2")).astype(np.int8).tobytes())
