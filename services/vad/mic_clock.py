"""MicClock: the place of what comes of the microphone. What comes twice is left out; what never came was silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import vad_service_pb2 as wire
from services.common.audio import MIC_HZ, REPLY_HZ, pcm_samples
from services.common.errors import ProtocolFault
from services.vad.voice import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, SAMPLES_PER_MS

PIECE_MS: Final = 240
"""Silence is given on in pieces of at most this, so that nobody has to hear an hour of it at once."""
MOST_HOLE_S: Final = 120
"""A jump by more than this is no loss to be made good. A session that nobody goes on with is not kept so long."""


class MicClock:
    """One session's, over every stream that its microphone has come by. Offsets are samples since it began."""

    def __init__(self) -> None:
        self.received = 0
        """What came before this has been received, or is not wanted."""
        self._has_begun = False
        self._needless: int | None = 0

    def start(self, offset: int, needless_silence: int | None = None) -> None:
        """The first sample that is wanted is this one.

        Of silence that comes first, hours perhaps, what lies before `needless_silence` is not; None: all of it.
        """
        self.received, self._needless = offset, needless_silence

    @property
    def has_begun(self) -> bool:
        """Something of the microphone was placed."""
        return self._has_begun

    def place(self, request: wire.ListenRequest) -> list[wire.ListenRequest]:
        """Take audio or a gap; return what of it is new, after the silence that is missing before it.

        What comes first may begin later than was wanted: what was before it is nobody's any more.

        Raises:
            ProtocolFault: half a sample, or a jump by more than two minutes.
        """
        is_gap = request.WhichOneof("message") == "gap"
        if is_gap:
            since, samples = request.gap.mic_offset, request.gap.ms * SAMPLES_PER_MS
        else:
            since, samples = request.audio.mic_offset, _samples(request.audio)
        until = since + samples
        if not self._has_begun:
            self._begin(since, until, is_gap=is_gap)
        if since == self.received and not is_gap:
            self.received = until
            return [request]
        if until <= self.received:
            return []
        if since > self.received + MOST_HOLE_S * SAMPLE_RATE_HZ:
            raise ProtocolFault(f"mic_offset jumped from {self.received} to {since}; it must count samples.")
        if is_gap:
            return list(self._silence(until))
        silence = list(self._silence(since))
        placed = request if since == self.received else wire.ListenRequest(audio=_rest_of(request.audio, self.received))
        self.received = until
        return [*silence, placed]

    def _begin(self, since: int, until: int, *, is_gap: bool) -> None:
        is_scrap = until - since < SAMPLES_PER_MS  # ingress tells of a long silence by a scrap and a gap of whole ms
        self._has_begun = not is_scrap
        if is_scrap or is_gap:
            since = max(since, until if self._needless is None else min(until, self._needless))
        self.received = max(self.received, since)

    def _silence(self, until: int) -> Iterator[wire.ListenRequest]:
        while (missing := until - self.received) > 0:
            if (ms := min(missing // SAMPLES_PER_MS, PIECE_MS)) > 0:
                yield wire.ListenRequest(gap=audio.Gap(mic_offset=self.received, ms=ms))
                self.received += ms * SAMPLES_PER_MS
            else:
                pcm = bytes(missing * BYTES_PER_SAMPLE)
                yield wire.ListenRequest(audio=audio.AudioFrame(mic_offset=self.received, pcm=pcm))
                self.received = until


def _samples(frame: audio.AudioFrame) -> int:
    if len(frame.pcm) % BYTES_PER_SAMPLE:
        raise ProtocolFault("a frame of audio holds half a sample")
    return pcm_samples(frame.pcm)


def _rest_of(frame: audio.AudioFrame, since: int) -> audio.AudioFrame:
    """Return the frame from a sample within it on."""
    late = since - frame.mic_offset
    rest = audio.AudioFrame(mic_offset=since, pcm=frame.pcm[late * BYTES_PER_SAMPLE :], playhead=frame.playhead)
    if frame.playhead.reply:
        rest.playhead.position += late * REPLY_HZ // MIC_HZ
    if frame.HasField("echo"):
        rest.echo.CopyFrom(frame.echo)
    return rest
