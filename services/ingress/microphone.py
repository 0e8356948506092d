"""Microphone: the client's frames become the ring's: 16 kHz PCM16 on one gapless sample clock."""

from __future__ import annotations

from collections import Counter
from typing import Final

from parley.v1 import audio_pb2 as audio
from services.common.audio import MIC_HZ, REPLY_HZ, SAMPLE_BYTES, ms_of, pcm_samples
from services.common.errors import FormatFault, LimitFault, ProtocolFault
from services.common.resampler import Resampler
from services.ingress.codec import decoder_for
from services.ingress.formats import MIC_FORMAT, Format

MAX_FRAME_MS: Final = 200
MAX_HOLE_S: Final = 10
"""A jump of the client's clock by more than this is a fault of the client, not a loss to be bridged."""


class Microphone:
    """Feed it the client's frames; it returns the ring's.

    What is missing between two frames becomes silence (with Opus, at first the decoder's guess) and is counted; what
    comes twice is dropped and counted. PCM16 at 16 kHz passes untouched. Everything else is decoded, freed of what the
    client's encoder put before its first sample, and resampled: ring sample n holds the sound of client sample
    n * rate / 16000, and the last few milliseconds merely come later (docs/formats.md has the figures).

    Raises FormatFault for Opus on a server without libopus.
    """

    def __init__(self, chosen: Format = MIC_FORMAT, max_frame_ms: int = MAX_FRAME_MS) -> None:
        self.counters: Counter[str] = Counter()
        self._rate_hz = chosen.rate_hz
        self._max_frame_ms = max_frame_ms
        self._decoder = decoder_for(chosen)
        self._decoded_hz = self._decoder.rate_hz
        self._to_skip = self._decoder.lookahead_samples
        self._resampler = None if self._decoded_hz == MIC_HZ else Resampler(self._decoded_hz, MIC_HZ)
        self._next = 0
        self._latest = 0
        """The client's own mic_offset of its last frame."""
        self._shift = 0
        self._bridged = False
        self._bridged_thousandths = 0
        self._out = 0

    @property
    def mic_offset(self) -> int:
        """The ring's microphone clock: samples at 16 kHz given so far."""
        return self._out

    def to_ring(self, client_offset: int) -> int:
        """Return the ring's clock for an offset of the client's clock."""
        return max(client_offset + self._shift, 0) * MIC_HZ // self._rate_hz

    def feed(self, frame: audio.AudioFrame) -> list[audio.AudioFrame]:
        """Take a frame in the client's format; return frames at 16 kHz.

        Raises:
            FormatFault: the frame is empty, too long, holds half a sample, or can't be decoded.
            LimitFault: the client's clock jumped by more than 10 s.
            ProtocolFault: the client's clock went back.
        """
        samples = self._checked_length(frame.pcm)
        self._check_order(frame.mic_offset)
        offset = frame.mic_offset + self._shift
        if offset < self._next and self._bridged:
            # The hole has been bridged by silence and the client goes on where it stood: its clock had stopped.
            self._shift += self._next - offset
            offset = self._next
        if (repeated := min(self._next - offset, samples)) > 0:
            self.counters["mic_samples_repeated"] += repeated
        if (end := offset + samples) <= self._next:
            return []
        self._bridged = False
        frames = self._bridge(offset) if offset > self._next else []
        pcm = self._decoder.decode(frame.pcm)
        if repeated > 0:
            pcm = pcm[-self._decoded_between(self._next, end) * SAMPLE_BYTES :]
        return [*frames, *self._ring_frames(pcm, end, frame.playhead)]

    def bridge(self, ms: int) -> audio.Gap:
        """Take `ms` of wire silence as silence: the clock goes on."""
        gap = audio.Gap(mic_offset=self._out, ms=ms)
        # At 44.1 kHz a millisecond is no whole number of samples; what is left over counts in the next gap.
        whole, self._bridged_thousandths = divmod(ms * self._rate_hz + self._bridged_thousandths, 1000)
        self._next += whole
        self._out += ms * MIC_HZ // 1000
        self._bridged = True
        self.counters["mic_gap_ms"] += ms
        return gap

    def _check_order(self, client_offset: int) -> None:
        """Take note of a frame's place. A repeat or an overlap may pass; what goes back is another clock."""
        if client_offset < self._latest:
            raise ProtocolFault(
                f"mic_offset went back from {self._latest} to {client_offset}; send each sample once, in order."
            )
        self._latest = client_offset

    def _checked_length(self, coded: bytes) -> int:
        samples = self._decoder.length(coded)
        if ms_of(samples, self._rate_hz) > self._max_frame_ms:
            raise FormatFault(
                f"an audio frame of {len(coded)} bytes, {ms_of(samples, self._rate_hz):g} ms, is not taken: "
                f"send up to {self._max_frame_ms} ms at a time."
            )
        return samples

    def _bridge(self, until: int) -> list[audio.AudioFrame]:
        missing = until - self._next
        if missing > MAX_HOLE_S * self._rate_hz:
            raise LimitFault(
                f"mic_offset jumped by {missing / self._rate_hz:.1f} s; it must count samples without holes "
                f"of more than {MAX_HOLE_S} s.",
                limit="mic_hole",
            )
        self.counters["mic_samples_missing"] += missing
        pcm = self._decoder.conceal(self._decoded_between(self._next, until))
        return self._ring_frames(pcm, until, audio.Playhead())

    def _decoded_between(self, start: int, end: int) -> int:
        """Return how many decoded samples lie between two offsets of the client's clock."""
        return end * self._decoded_hz // self._rate_hz - start * self._decoded_hz // self._rate_hz

    def _ring_frames(self, pcm: bytes, end: int, playhead: audio.Playhead) -> list[audio.AudioFrame]:
        """Return the ring's frame of what was decoded, up to `end` of the client's clock."""
        late = self._next * MIC_HZ // self._rate_hz - self._out
        self._next = end
        if self._to_skip:
            skipped = min(self._to_skip, pcm_samples(pcm))
            self._to_skip -= skipped
            pcm = pcm[skipped * SAMPLE_BYTES :]
        if self._resampler is not None:
            pcm = self._resampler.feed(pcm)
        if not pcm:
            return []
        frame = audio.AudioFrame(mic_offset=self._out, pcm=pcm, playhead=earlier(playhead, late))
        self._out += pcm_samples(pcm)
        return [frame]


def earlier(playhead: audio.Playhead, mic_samples: int) -> audio.Playhead:
    """Return the playhead of so many samples before: the frame begins with sound that was held back."""
    if mic_samples <= 0:
        return playhead
    back = mic_samples * REPLY_HZ // MIC_HZ
    return audio.Playhead(reply=playhead.reply, position=max(playhead.position - back, 0), estimated=playhead.estimated)
