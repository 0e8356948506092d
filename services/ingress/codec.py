"""Codec: what turns a client's bytes into PCM16 and back, whichever of the encodings it has chosen."""

from __future__ import annotations

from typing import Protocol

from services.common.audio import SAMPLE_BYTES, pcm_samples, silence
from services.common.errors import FormatFault
from services.ingress import g711, opus
from services.ingress.formats import ALAW, MULAW, OPUS, Format

Message = tuple[int, bytes]
"""How many samples at the encoder's rate, and the bytes that hold them."""


class Decoder(Protocol):
    """Turns the frames of one microphone into PCM16."""

    @property
    def rate_hz(self) -> int:
        """The rate of the PCM16 that it gives."""

    @property
    def lookahead_samples(self) -> int:
        """Samples at `rate_hz` at the start that are older than the client's first: its encoder's lookahead."""

    def length(self, coded: bytes) -> int:
        """Return how many samples of the client's clock a frame lasts. Raises FormatFault for half a sample or none."""

    def decode(self, coded: bytes) -> bytes:
        """Return the PCM16 of a frame. Raises FormatFault for one that can't be decoded."""

    def conceal(self, samples: int) -> bytes:
        """Return so many samples at `rate_hz` in place of lost ones."""


class Encoder(Protocol):
    """Turns the PCM16 of one reply into messages."""

    @property
    def rate_hz(self) -> int:
        """The rate of the PCM16 that it takes."""

    @property
    def lookahead_samples(self) -> int:
        """Samples at `rate_hz` that a decoder gives before the first of the reply."""

    def feed(self, pcm: bytes) -> list[Message]:
        """Take samples; return messages."""

    def finish(self) -> list[Message]:
        """Return the last messages."""


def decoder_for(chosen: Format) -> Decoder:
    """Return a decoder for one microphone. Raises FormatFault for Opus without libopus."""
    match chosen.encoding:
        case encoding if encoding == OPUS:
            return opus.OpusDecoder(chosen.rate_hz)
        case encoding if encoding in (MULAW, ALAW):
            return _G711Decoder(chosen.rate_hz, _law(chosen))
        case _:
            return _Pcm16Decoder(chosen.rate_hz)


def encoder_for(chosen: Format) -> Encoder:
    """Return an encoder for one reply. Raises FormatFault for Opus without libopus."""
    match chosen.encoding:
        case encoding if encoding == OPUS:
            return opus.OpusEncoder()
        case encoding if encoding in (MULAW, ALAW):
            return _G711Encoder(chosen.rate_hz, _law(chosen))
        case _:
            return _Pcm16Encoder(chosen.rate_hz)


def _law(chosen: Format) -> g711.Law:
    return g711.MULAW if chosen.encoding == MULAW else g711.ALAW


class _Pcm16Decoder:
    lookahead_samples = 0

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz

    def length(self, coded: bytes) -> int:
        if not coded or len(coded) % SAMPLE_BYTES:
            raise FormatFault(f"an audio frame of {len(coded)} bytes is not taken: send whole 16-bit samples.")
        return pcm_samples(coded)

    def decode(self, coded: bytes) -> bytes:
        return coded

    def conceal(self, samples: int) -> bytes:
        return silence(samples)


class _G711Decoder:
    lookahead_samples = 0

    def __init__(self, rate_hz: int, law: g711.Law) -> None:
        self.rate_hz = rate_hz
        self._law = law

    def length(self, coded: bytes) -> int:
        if not coded:
            raise FormatFault("an audio frame of 0 bytes is not taken: send G.711, a byte a sample.")
        return len(coded)

    def decode(self, coded: bytes) -> bytes:
        return self._law.decode(coded)

    def conceal(self, samples: int) -> bytes:
        return silence(samples)


class _Pcm16Encoder:
    lookahead_samples = 0

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz

    def feed(self, pcm: bytes) -> list[Message]:
        return [(pcm_samples(pcm), pcm)] if pcm else []

    def finish(self) -> list[Message]:
        return []


class _G711Encoder:
    lookahead_samples = 0

    def __init__(self, rate_hz: int, law: g711.Law) -> None:
        self.rate_hz = rate_hz
        self._law = law

    def feed(self, pcm: bytes) -> list[Message]:
        return [(pcm_samples(pcm), self._law.encode(pcm))] if pcm else []

    def finish(self) -> list[Message]:
        return []
