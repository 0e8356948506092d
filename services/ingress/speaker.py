"""Speaker: the ring's replies become the client's, and the client's positions become the ring's."""

from __future__ import annotations

import numpy as np
import soxr

from parley.v1 import audio_pb2 as audio
from services.common.audio import REPLY_HZ, pcm_samples


class Speaker:
    """Converts replies from 24 kHz to the client's rate, one resampler a reply, and positions both ways.

    At 24 kHz samples pass untouched. soxr keeps positions true and merely gives the last 5 to 25 ms later; the end
    of a reply flushes them.
    """

    def __init__(self, rate_hz: int = REPLY_HZ) -> None:
        self._rate_hz = rate_hz
        self._reply = 0
        self._resampler: soxr.ResampleStream | None = None
        self._out = 0

    def feed(self, piece: audio.ReplyAudio) -> audio.ReplyAudio | None:
        """Take a piece at 24 kHz; return one at the client's rate, or None while the resampler holds it all."""
        if self._rate_hz == REPLY_HZ:
            return piece
        if piece.reply != self._reply or self._resampler is None:
            self._reply = piece.reply
            self._resampler = soxr.ResampleStream(REPLY_HZ, self._rate_hz, 1, "int16", "LQ")
            self._out = self.to_client(piece.position)
        return self._piece(self._resampler.resample_chunk(np.frombuffer(piece.pcm, "<i2")).tobytes())

    def end(self, ended: audio.ReplyEnded) -> list[audio.ReplyAudio | audio.ReplyEnded]:
        """Take the end of a reply; return what the resampler still held, then the end."""
        if self._rate_hz == REPLY_HZ:
            return [ended]
        rest = None
        if self._resampler is not None and ended.reply == self._reply:
            rest = self._piece(self._resampler.resample_chunk(np.zeros(0, "<i2"), last=True).tobytes())
            self._resampler = None
        samples = self._out if ended.reply == self._reply else self.to_client(ended.samples)
        last = audio.ReplyEnded(reply=ended.reply, samples=samples)
        return [last] if rest is None else [rest, last]

    def forget(self) -> None:
        """Drop what the resampler holds: the reply is dead."""
        self._resampler = None

    def to_client(self, position: int) -> int:
        """Return the client's position for one of the ring."""
        return position * self._rate_hz // REPLY_HZ

    def to_ring(self, position: int) -> int:
        """Return the ring's position for one of the client."""
        return position * REPLY_HZ // self._rate_hz

    def _piece(self, pcm: bytes) -> audio.ReplyAudio | None:
        if not pcm:
            return None
        piece = audio.ReplyAudio(reply=self._reply, position=self._out, pcm=pcm)
        self._out += pcm_samples(pcm)
        return piece
