"""Formats: how a client writes its audio in each direction, as chosen in Open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from parley.v1 import audio_pb2 as audio
from services.common.audio import MIC_HZ, REPLY_HZ
from services.common.errors import FormatFault

PCM16: Final = audio.AudioFormat.ENCODING_PCM16
MULAW: Final = audio.AudioFormat.ENCODING_MULAW
ALAW: Final = audio.AudioFormat.ENCODING_ALAW
OPUS: Final = audio.AudioFormat.ENCODING_OPUS

RATES_HZ: Final[dict[audio.AudioFormat.Encoding.ValueType, tuple[int, ...]]] = {
    PCM16: (8_000, 16_000, 24_000, 44_100, 48_000),
    MULAW: (8_000,),
    ALAW: (8_000,),
    OPUS: (8_000, 12_000, 16_000, 24_000, 48_000),
}
"""What is taken, in either direction."""


@dataclass(frozen=True, slots=True)
class Format:
    """One direction's encoding, and the rate of its audio and of every offset and position in that direction."""

    encoding: audio.AudioFormat.Encoding.ValueType
    rate_hz: int

    def to_wire(self) -> audio.AudioFormat:
        """Return it as a client is told."""
        return audio.AudioFormat(encoding=self.encoding, rate_hz=self.rate_hz)


MIC_FORMAT: Final = Format(PCM16, MIC_HZ)
"""The ring's own on the way in: taken as it is."""

REPLY_FORMAT: Final = Format(PCM16, REPLY_HZ)
"""The ring's own on the way out: given as it is."""


def input_format(chosen: audio.AudioFormat) -> Format:
    """Return the microphone's format. Raises FormatFault, with what is taken, for one that is not."""
    return _format(chosen, MIC_HZ, "input")


def output_format(chosen: audio.AudioFormat) -> Format:
    """Return the speaker's format. Raises FormatFault, with what is taken, for one that is not."""
    return _format(chosen, REPLY_HZ, "output")


def _format(chosen: audio.AudioFormat, pcm_hz: int, direction: str) -> Format:
    encoding = chosen.encoding or PCM16
    if encoding not in RATES_HZ:
        known = ", ".join(map(_name, RATES_HZ))
        raise FormatFault(f"{direction}: encoding {encoding} is not known here; use one of {known}.")
    best_hz = {PCM16: pcm_hz, OPUS: 48_000}.get(encoding, 8_000)
    rate_hz = chosen.rate_hz or best_hz
    if rate_hz not in RATES_HZ[encoding]:
        known = ", ".join(map(str, RATES_HZ[encoding]))
        raise FormatFault(
            f"{direction}: {rate_hz} Hz is not taken; use one of {known} (best: {best_hz}) with {_name(encoding)}."
        )
    return Format(encoding, rate_hz)


def _name(encoding: audio.AudioFormat.Encoding.ValueType) -> str:
    return audio.AudioFormat.Encoding.Name(encoding)
