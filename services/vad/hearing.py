"""Hearing: the windows of many sessions are judged together.

A window judged alone costs two to three times its share of a batch of eight. So a frame that completes a window waits
for those that came in the same turn of the event loop: a trunk brings the frames of several sessions in one load, and
under load more come at once, so the batch grows by itself and nobody waits for company. A frame that completes no
window goes on at once. Within a session the order is kept: whatever comes after a waiting frame waits behind it, or
asks for it first (`Ear.flush`).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

from parley.v1 import audio_pb2 as audio
from services.common.audio import pcm_samples
from services.common.boundary import contained
from services.common.errors import ParleyError
from services.vad.silero import Silero, SileroModel, feed_together
from services.vad.voice import BYTES_PER_SAMPLE, VoiceWindow

log = logging.getLogger("parley.vad")

Soon: TypeAlias = Callable[[Callable[[], None]], Any]
"""Calls a function in the next turn; an event loop's `call_soon`."""


class Hearing:
    """Collects what waits to be judged. One per process; all calls from one event loop."""

    def __init__(self, model: SileroModel, soon: Soon) -> None:
        self._model = model
        self._soon = soon
        self._is_due = False
        self._waiting: dict[Ear, None] = {}
        self.batches = 0
        self.windows = 0
        """How many windows were judged in how many batches."""

    def join(self) -> Ear:
        """Return the ear of one more session; close it at the end."""
        return Ear(self, Silero(self._model))

    def leave(self, ear: Ear) -> None:
        """An ear hears no more."""
        self._waiting.pop(ear, None)

    def wait(self, ear: Ear) -> None:
        """Judge an ear's frames with the next batch."""
        self._waiting[ear] = None
        if not self._is_due:
            self._is_due = True
            self._soon(self._run)

    def judge(self, ears: list[Ear]) -> None:
        """Judge all that waits at these ears, in one batch. Their frames can be given on then."""
        for ear in ears:
            self._waiting.pop(ear, None)
        unheard = [(ear.silero, ear.unheard()) for ear in ears]
        found = feed_together(self._model, unheard) if len(ears) > 1 else [silero.feed(pcm) for silero, pcm in unheard]
        for ear, (_, pcm), windows in zip(ears, unheard, found, strict=True):
            ear.learn(pcm_samples(pcm), windows)
        self.batches += 1
        self.windows += sum(map(len, found))

    def _run(self) -> None:
        self._is_due = False
        ears = list(self._waiting)
        if not ears:
            return
        self.judge(ears)
        for ear in ears:
            ear.give()


class Ear:
    """One session's share of the hearing, and the voice activity of its decision core."""

    def __init__(self, hearing: Hearing, silero: Silero) -> None:
        self.silero = silero
        self._hearing = hearing
        self._take: Callable[[audio.AudioFrame], None] = _nobody
        self._fail: Callable[[ParleyError], None] = _nobody
        self._frames: deque[audio.AudioFrame] = deque()
        self._windows: deque[VoiceWindow] = deque()
        self._heard = 0
        self._fed = 0
        self._closed = False

    def give_to(self, take: Callable[[audio.AudioFrame], None], fail: Callable[[ParleyError], None]) -> None:
        """Give frames to `take`, in order, once they are judged. Its faults are told to `fail` and harm no other."""
        self._take, self._fail = take, fail

    def hear(self, frame: audio.AudioFrame) -> None:
        """Take a frame of whole samples. It is given on now if it needs no judgement, else with the next batch."""
        if self._closed:
            return
        samples = pcm_samples(frame.pcm)
        if not self._frames and samples < self.silero.missing_samples:
            self.learn(samples, self.silero.feed(frame.pcm))
            self._take(frame)
            return
        self._frames.append(frame)
        self._hearing.wait(self)

    def flush(self) -> None:
        """Judge and give on what waits: something comes that must not overtake it."""
        if self._frames:
            self._hearing.judge([self])
            self._give()

    def close(self) -> None:
        """Hear no more; what waits is forgotten."""
        if not self._closed:
            self._closed = True
            self._frames.clear()
            self._hearing.leave(self)

    def feed(self, pcm: bytes) -> list[VoiceWindow]:
        """Return the windows that this audio of the core's completes; what was not judged yet is judged now."""
        self._fed += pcm_samples(pcm)
        if self._fed > self._heard:
            unheard = pcm[-(self._fed - self._heard) * BYTES_PER_SAMPLE :]
            self._heard = self._fed
            self._windows += self.silero.feed(unheard)
        found: list[VoiceWindow] = []
        while self._windows and self._windows[0].end_sample <= self._fed:
            found.append(self._windows.popleft())
        return found

    def unheard(self) -> bytes:
        """Return the audio that waits."""
        return b"".join([frame.pcm for frame in self._frames])

    def learn(self, samples: int, windows: list[VoiceWindow]) -> None:
        """So many samples that waited were judged: keep their windows until the core comes to them."""
        self._heard += samples
        self._windows += windows

    def give(self) -> None:
        """Give on what waits, on behalf of all ears: a fault stays this session's."""
        contained(log, "hearing", self._give, self._fail)

    def _give(self) -> None:
        while self._frames:
            self._take(self._frames.popleft())


def _nobody(_: object) -> None:
    """Nobody has asked for frames yet."""
