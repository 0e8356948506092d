"""Microphone: the client's frames become the ring's: 16 kHz PCM16 on one gapless sample clock."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np
import soxr

from parley.v1 import audio_pb2 as audio
from services.common.audio import MIC_HZ, REPLY_HZ, SAMPLE_BYTES, ms_of, pcm_samples, silence
from services.common.errors import FormatFault, LimitFault

MAX_FRAME_MS: Final = 200
MAX_HOLE_S: Final = 10
"""A jump of the client's clock by more than this is a fault of the client, not a loss to be bridged."""

RATES_HZ: Final = (8_000, 16_000, 24_000, 44_100, 48_000)


def input_rate(chosen: audio.AudioFormat) -> int:
    """Return the microphone's rate in Hz. Raises FormatFault for one that is not taken."""
    return _rate(chosen, MIC_HZ, "input")


def output_rate(chosen: audio.AudioFormat) -> int:
    """Return the speaker's rate in Hz. Raises FormatFault for one that is not taken."""
    return _rate(chosen, REPLY_HZ, "output")


def _rate(chosen: audio.AudioFormat, default_hz: int, direction: str) -> int:
    if chosen.encoding not in (audio.AudioFormat.ENCODING_UNSPECIFIED, audio.AudioFormat.ENCODING_PCM16):
        raise FormatFault(f"{direction}: encoding {chosen.encoding} is not known here; use ENCODING_PCM16.")
    rate_hz = chosen.rate_hz or default_hz
    if rate_hz not in RATES_HZ:
        known = ", ".join(map(str, RATES_HZ))
        raise FormatFault(f"{direction}: {rate_hz} Hz is not taken; use one of {known} (best: {default_hz}).")
    return rate_hz


class Microphone:
    """Feed it the client's frames; it returns the ring's.

    What is missing between two frames becomes silence and is counted; what comes twice is dropped and counted.
    At 16 kHz samples pass untouched. At other rates soxr resamples; it keeps positions true (output sample n stands
    where input sample n * rate / 16000 stood) and merely gives the last 2 to 22 ms later (from 8 kHz up to 62 ms: it
    works in blocks).
    """

    def __init__(self, rate_hz: int = MIC_HZ) -> None:
        self.counters: Counter[str] = Counter()
        self._rate_hz = rate_hz
        self._resampler = None if rate_hz == MIC_HZ else soxr.ResampleStream(rate_hz, MIC_HZ, 1, "int16", "LQ")
        self._next = 0
        self._shift = 0
        self._bridged = False
        self._out = 0

    @property
    def mic_offset(self) -> int:
        """The ring's microphone clock: samples at 16 kHz given so far."""
        return self._out

    def to_ring(self, client_offset: int) -> int:
        """Return the ring's clock for an offset of the client's clock."""
        return max(client_offset + self._shift, 0) * MIC_HZ // self._rate_hz

    def feed(self, frame: audio.AudioFrame) -> list[audio.AudioFrame]:
        """Take a frame at the client's rate; return frames at 16 kHz.

        Raises:
            FormatFault: the frame is empty, longer than 200 ms, or holds half a sample.
            LimitFault: the client's clock jumped by more than 10 s.
        """
        samples = self._checked(frame.pcm)
        pcm, offset = frame.pcm, frame.mic_offset + self._shift
        if offset < self._next and self._bridged:
            # The hole has been bridged by silence and the client goes on where it stood: its clock had stopped.
            self._shift += self._next - offset
            offset = self._next
        if (repeated := min(self._next - offset, samples)) > 0:
            self.counters["mic_samples_repeated"] += repeated
            pcm, offset = pcm[repeated * SAMPLE_BYTES :], offset + repeated
        if not pcm:
            return []
        self._bridged = False
        frames = self._bridge(offset - self._next) if offset > self._next else []
        self._next = offset + pcm_samples(pcm)
        return [*frames, *self._ring_frames(pcm, frame.playhead)]

    def bridge(self, ms: int) -> audio.Gap:
        """Take `ms` of wire silence as silence: the clock goes on."""
        gap = audio.Gap(mic_offset=self._out, ms=ms)
        self._next += ms * self._rate_hz // 1000
        self._out += ms * MIC_HZ // 1000
        self._bridged = True
        self.counters["mic_gap_ms"] += ms
        return gap

    def _checked(self, pcm: bytes) -> int:
        samples = pcm_samples(pcm)
        if not samples or len(pcm) % SAMPLE_BYTES or ms_of(samples, self._rate_hz) > MAX_FRAME_MS:
            raise FormatFault(
                f"an audio frame of {len(pcm)} bytes is not taken: send whole 16-bit samples, "
                f"up to {MAX_FRAME_MS} ms ({MAX_FRAME_MS * self._rate_hz // 1000 * SAMPLE_BYTES} bytes) at a time."
            )
        return samples

    def _bridge(self, missing: int) -> list[audio.AudioFrame]:
        if missing > MAX_HOLE_S * self._rate_hz:
            raise LimitFault(
                f"mic_offset jumped by {missing / self._rate_hz:.1f} s; it must count samples without holes "
                f"of more than {MAX_HOLE_S} s."
            )
        self.counters["mic_samples_missing"] += missing
        return self._ring_frames(silence(missing), audio.Playhead())

    def _ring_frames(self, pcm: bytes, playhead: audio.Playhead) -> list[audio.AudioFrame]:
        if self._resampler is not None:
            captured = self.to_ring_exact(self._next - pcm_samples(pcm))
            late = max(captured - self._out, 0)
            pcm = self._resampler.resample_chunk(np.frombuffer(pcm, "<i2")).tobytes()
            back = late * REPLY_HZ // MIC_HZ
            playhead = audio.Playhead(
                reply=playhead.reply, position=max(playhead.position - back, 0), estimated=playhead.estimated
            )
        if not pcm:
            return []
        frame = audio.AudioFrame(mic_offset=self._out, pcm=pcm, playhead=playhead)
        self._out += pcm_samples(pcm)
        return [frame]

    def to_ring_exact(self, offset: int) -> int:
        """Return the ring's clock for an offset of this microphone's own gapless clock."""
        return offset * MIC_HZ // self._rate_hz
