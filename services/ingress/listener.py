"""Listener: a client's microphone on its way to vad: on the ring's clock, freed of echo, its silences bridged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import vad_service_pb2 as vad
from services.common.audio import MIC_HZ, ms_of, pcm_samples
from services.ingress.echo.canceller import EchoCanceller
from services.ingress.microphone import Microphone
from services.ingress.uplink import Uplink

WIRE_SILENCE_MS: Final = 400
"""A microphone that sends nothing for this long is taken for silent."""

STALL_MS: Final = 2_500
"""Unless its connection sends nothing at all: then, for so long, what it hears may be on its way. To take that for
silence would put a pause into the middle of a word, and end a turn there."""

FOLLOWS_MS: Final = 200
"""After a stall sound may come so much later than something more urgent."""


class Listener:
    """One session's. `pace` is told how many milliseconds of sound have come, and raises LimitFault for too many.

    `shift` of another listener, which this one goes on for: it hears nothing before it has been told where to `begin`.
    `is_steady`: its client sends silence, too, as far as is known.
    """

    def __init__(
        self,
        microphone: Microphone,
        uplink: Uplink,
        echo: EchoCanceller | None,
        pace: Callable[[float], None],
        shift: int | None = None,
        *,
        is_steady: bool = True,
    ) -> None:
        self.frames_too_early = 0
        self._microphone = microphone
        self._uplink = uplink
        self._echo = echo
        self._pace = pace
        self._shift = shift
        self._is_steady = is_steady
        self._quiet_ms = 0
        self._signed_ms = 0
        """How long it had been quiet when the client last sent something else."""
        self._bridged_ms = 0

    @property
    def hears(self) -> bool:
        """Whether it is known where the microphone begins."""
        return self._shift is None

    def begin(self, keep_from: int) -> None:
        """Go on from where on another listener's sound is to be kept."""
        if self._shift is not None:
            self._microphone.resume(keep_from, self._shift)
            self._uplink.retention.begin_at(keep_from)
            self._shift = None
            self._quiet_ms = self._signed_ms = self._bridged_ms = 0

    def hear(self, frame: audio.AudioFrame) -> None:
        """Take a frame of the client, its playhead in the ring's samples. Raises what Microphone and `pace` do."""
        if not self.hears:
            self.frames_too_early += 1  # from where on it is wanted will be said in Opened
            return
        self._quiet_ms = self._signed_ms = self._bridged_ms = 0
        if (gap := self._microphone.catch_up(frame)) is not None:
            self._uplink.keep(vad.ListenRequest(gap=gap))
        for given in self._microphone.feed(frame):
            self._pace(ms_of(pcm_samples(given.pcm), MIC_HZ))
            self._give(self._echo.feed(given) if self._echo else [given])

    def sign(self) -> None:
        """Note that the client has sent something else: its connection is alive."""
        self._signed_ms = self._quiet_ms

    @property
    def _may_be_late(self) -> bool:
        """Whether the connection may hold back what was heard. A microphone that was once silent may be so again."""
        if self._signed_ms >= WIRE_SILENCE_MS and self._quiet_ms - self._signed_ms >= FOLLOWS_MS:
            self._is_steady = False
        return self._is_steady and self._quiet_ms < STALL_MS

    def tick(self, ms: int) -> None:
        """Note that time has passed: a microphone silent on the wire becomes a gap."""
        self._quiet_ms += ms
        if not self.hears or self._quiet_ms < WIRE_SILENCE_MS or self._may_be_late:
            return
        if self._echo:
            self._give(self._echo.flush())
        gap = self._microphone.bridge(self._quiet_ms - self._bridged_ms)
        self._bridged_ms = self._quiet_ms
        self._uplink.keep(vad.ListenRequest(gap=gap))

    def _give(self, frames: list[audio.AudioFrame]) -> None:
        for frame in frames:
            self._uplink.keep(vad.ListenRequest(audio=frame))
