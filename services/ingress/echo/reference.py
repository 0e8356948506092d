"""Reference: the replies as they were sent to the client, at the microphone's rate, while they may be heard."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parley.v1 import audio_pb2 as audio
from services.common.audio import MIC_HZ, REPLY_HZ, SAMPLE_BYTES
from services.common.resampler import Resampler

KEPT_BEHIND: Final = 500 * MIC_HZ // 1000
"""Samples kept behind the playhead: it may be wrong, and a room answers late."""

_HEAP: Final = 100 * MIC_HZ // 1000
"""Samples that are let go of at a time: each time what is kept is copied."""

MAX_SAMPLES: Final = 20 * MIC_HZ
"""More than any lead. Who buffers more than 20 s before its speaker has no reference for the rest. 640 kB."""

Samples = NDArray[np.int16]


class Reference:
    """Takes replies at 24 kHz, gives any stretch of them at 16 kHz; what is not there is silence.

    A position at 16 kHz is the one at 24 kHz times 2/3: the resampler moves nothing.
    Policy when full: the oldest samples go, and are counted.
    """

    def __init__(self) -> None:
        self.dropped_samples = 0
        self._replies: deque[_Reply] = deque()

    def __len__(self) -> int:
        return sum(len(reply.pcm) for reply in self._replies) // SAMPLE_BYTES

    def play(self, piece: audio.ReplyAudio) -> None:
        """Take a piece on its way to the client. Pieces of a reply below the last one are of no use any more."""
        if not self._replies or piece.reply > self._replies[-1].number:
            self._finish_last()
            self._replies.append(_Reply(piece.reply, piece.position))
        last = self._replies[-1]
        if piece.reply == last.number and last.resampler is not None:
            last.pcm += last.resampler.feed(piece.pcm)
        while len(self) > MAX_SAMPLES:
            self.dropped_samples += self._shorten(len(self) - MAX_SAMPLES)

    def end(self, reply: int) -> None:
        """No audio of `reply` follows: give out what the resampler holds of it."""
        if self._replies and self._replies[-1].number == reply:
            self._finish_last()

    def read(self, reply: int, start: int, samples: int) -> Samples:
        """Return [samples] of `reply` from `start` on."""
        wave = np.zeros(samples, np.int16)
        found = next((each for each in self._replies if each.number == reply), None)
        if found is not None:
            kept = np.frombuffer(found.pcm, "<i2")
            first = max(start, found.start)
            stop = min(start + samples, found.start + len(kept))
            if stop > first:
                wave[first - start : stop - start] = kept[first - found.start : stop - found.start]
        return wave

    def lacking(self, reply: int, stop: int) -> int:
        """Return how many samples before `stop` were not sent yet, of a reply that goes on."""
        if not self._replies or self._replies[-1].number != reply or self._replies[-1].resampler is None:
            return 0
        last = self._replies[-1]
        return max(stop - last.start - len(last.pcm) // SAMPLE_BYTES, 0)

    def forget_before(self, reply: int, position: int) -> None:
        """Let go of lower replies, and, now and then, of what of `reply` lies half a second before `position`."""
        while self._replies and self._replies[0].number < reply:
            self._replies.popleft()
        if self._replies and self._replies[0].number == reply:
            heard = position - KEPT_BEHIND - self._replies[0].start
            if heard >= _HEAP:
                self._replies[0].drop(heard)

    def _finish_last(self) -> None:
        if self._replies and (resampler := self._replies[-1].resampler) is not None:
            self._replies[-1].pcm += resampler.finish()
            self._replies[-1].resampler = None

    def _shorten(self, samples: int) -> int:
        oldest = self._replies[0]
        dropped = oldest.drop(samples)
        if not oldest.pcm and len(self._replies) > 1:
            self._replies.popleft()
        return dropped


class _Reply:
    def __init__(self, number: int, position: int) -> None:
        self.number = number
        self.resampler: Resampler | None = Resampler(REPLY_HZ, MIC_HZ, position)
        self.start = self.resampler.position
        self.pcm = bytearray()

    def drop(self, samples: int) -> int:
        """Drop up to so many samples from the front; return how many."""
        samples = min(max(samples, 0), len(self.pcm) // SAMPLE_BYTES)
        # A new bytearray: the old one can't be shortened while an array looks at it.
        self.pcm = self.pcm[samples * SAMPLE_BYTES :] if samples else self.pcm
        self.start += samples
        return samples
