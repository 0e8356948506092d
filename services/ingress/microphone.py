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

MAX_RESUMED_HOLE_S: Final = 120
"""What a client may lack when it resumes: all of the time that it was away, and what it did not keep before."""

_LEAPT_MS: Final = 200
_SETTLING_MS: Final = 10
_OPUS_SETTLING_MS: Final = 80
"""A resampler, and a decoder of Opus, that begin in mid-sound give wrong samples for so long: they begin earlier."""


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
        self._client_end = 0
        """Where the client's own clock stood after the last frame that was taken."""
        self._shift = 0
        self._settling = 0
        """Samples at 16 kHz that are only there for who begins in mid-sound, and are not given."""
        self._resumes = False
        self._bridged = False
        self._bridged_thousandths = 0
        self._out = 0

    @property
    def mic_offset(self) -> int:
        """The ring's microphone clock: samples at 16 kHz given so far."""
        return self._out

    @property
    def shift(self) -> int:
        """How far the ring's clock is ahead of the client's, in the client's samples.

        It is what has been bridged by silence so far. The client's own clock may go on where it stood.
        """
        return self._next - self._client_end

    @property
    def wanted(self) -> int:
        """The client's offset of the sample that comes next."""
        return max(self._client_end, 0)

    def to_ring(self, client_offset: int) -> int:
        """Return the ring's clock for an offset of the client's clock."""
        return max(client_offset + self._shift, 0) * MIC_HZ // self._rate_hz

    def to_client(self, ring_offset: int) -> int:
        """Return the client's offset of a sample on the ring's clock; no more than the client has sent."""
        return max(min(ring_offset * self._rate_hz // MIC_HZ - self.shift, self._client_end), 0)

    def resume(self, mic_offset: int, shift: int) -> None:
        """Go on at a sample of the ring's clock, where another one has stopped with `shift`."""
        settling_ms = _OPUS_SETTLING_MS if self._to_skip else _SETTLING_MS if self._resampler else 0
        self._begin(mic_offset, min(settling_ms * MIC_HZ // 1000, mic_offset))
        self._shift, self._resumes = shift, True
        self._client_end = self._next - shift

    def catch_up(self, frame: audio.AudioFrame) -> audio.Gap | None:
        """Return the gap before the first frame after `resume`: what the client no longer has.

        Raises LimitFault for one that nobody can mean.
        """
        first, self._resumes = self._resumes, False
        missing = frame.mic_offset + self._shift - self._next
        if not first or missing * 1000 <= _LEAPT_MS * self._rate_hz:
            return None
        if missing > MAX_RESUMED_HOLE_S * self._rate_hz:
            raise _too_wide(missing / self._rate_hz, MAX_RESUMED_HOLE_S)
        self._begin(self._out, 0)
        missing = frame.mic_offset + self._shift - self._next
        gap = self.bridge(missing * 1000 // self._rate_hz)
        self._bridged = False  # the client's clock has gone on
        return gap

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
        self._client_end = end - self._shift
        return [*frames, *self._ring_frames(pcm, offset, end, frame.playhead)]

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
            raise _too_wide(missing / self._rate_hz, MAX_HOLE_S)
        self.counters["mic_samples_missing"] += missing
        pcm = self._decoder.conceal(self._decoded_between(self._next, until))
        return self._ring_frames(pcm, self._next, until, audio.Playhead())

    def _begin(self, mic_offset: int, settling: int) -> None:
        """Stand at a sample of the ring's clock, the first of which is decoded `settling` samples earlier."""
        self._next = (mic_offset - settling) * self._rate_hz // MIC_HZ
        start = mic_offset - settling
        if self._resampler is not None:
            self._resampler = Resampler(self._decoded_hz, MIC_HZ, self._next * self._decoded_hz // self._rate_hz)
            start = self._resampler.position
        self._settling = max(mic_offset - start, 0)
        self._out = mic_offset

    def _decoded_between(self, start: int, end: int) -> int:
        """Return how many decoded samples lie between two offsets of the client's clock."""
        return end * self._decoded_hz // self._rate_hz - start * self._decoded_hz // self._rate_hz

    def _ring_frames(self, pcm: bytes, start: int, end: int, playhead: audio.Playhead) -> list[audio.AudioFrame]:
        """Return the ring's frame of what was decoded up to `end`, with the playhead that belongs to `start`."""
        late = start * MIC_HZ // self._rate_hz - self._out
        self._next = end
        if self._to_skip:
            skipped = min(self._to_skip, pcm_samples(pcm))
            self._to_skip -= skipped
            pcm = pcm[skipped * SAMPLE_BYTES :]
        if self._resampler is not None:
            pcm = self._resampler.feed(pcm)
        if self._settling:
            settled = min(self._settling, pcm_samples(pcm))
            self._settling -= settled
            pcm = pcm[settled * SAMPLE_BYTES :]
        if not pcm:
            return []
        frame = audio.AudioFrame(mic_offset=self._out, pcm=pcm, playhead=earlier(playhead, late))
        self._out += pcm_samples(pcm)
        return [frame]


def earlier(playhead: audio.Playhead, mic_samples: int) -> audio.Playhead:
    """Return the playhead of so many samples before: the frame begins with sound that was held back.

    Less than 0 is later: its first samples were left out.
    """
    if not mic_samples or not playhead.reply:
        return playhead
    back = mic_samples * REPLY_HZ // MIC_HZ
    return audio.Playhead(reply=playhead.reply, position=max(playhead.position - back, 0), estimated=playhead.estimated)


def _too_wide(missing_s: float, most_s: int) -> LimitFault:
    return LimitFault(
        f"mic_offset jumped by {missing_s:.1f} s; it must count samples without holes of more than {most_s} s.",
        limit="mic_hole",
    )
