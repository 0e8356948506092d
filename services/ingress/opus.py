"""Opus at the client's edge: packets become PCM16 and PCM16 becomes packets, through libopus (RFC 6716).

libopus decodes and encodes at any rate by itself, whatever rate the other side uses; so an Opus client's rate is only
the unit of its offsets and positions, and no resampler stands before or behind it.

Its delays are measured in docs/formats.md. They are the encoders': 6.5 ms of lookahead in the client's, which is taken
to have libopus' usual settings, 2.5 ms in ours, which leaves out the speech model that needs the other 4.
"""

from __future__ import annotations

import ctypes
from typing import Any, Final

from services.common.audio import MIC_HZ, REPLY_FRAME_SAMPLES, REPLY_HZ, SAMPLE_BYTES, pcm_samples, samples_of, silence
from services.common.errors import FormatFault

try:
    from opuslib_next.api import libopus
except (ImportError, OSError, RuntimeError):  # the wheel is missing, or carries no library for this machine
    libopus = None

CLIENT_LOOKAHEAD_MS: Final = 6.5
"""What an encoder of libopus looks ahead with OPUS_APPLICATION_VOIP or _AUDIO, at every rate."""

LOOKAHEAD_MS: Final = 2.5
"""What our own looks ahead: libopus' low-delay mode."""

BITRATE_BPS: Final = 32_000
"""Of replies. Clear for one voice; an eighth of PCM16 at 16 kHz."""

COMPLEXITY: Final = 0
"""Of 0 to 10. In the low-delay mode, on speech, more costs up to 50 µs a packet and brings the spectrum no nearer."""

MAX_CONCEALED_MS: Final = 60
"""A loss is bridged by the decoder's guess for so long; what it guesses later is silence anyway."""

_LOW_DELAY: Final = 2051
_SET_BITRATE: Final = 4002
_SET_COMPLEXITY: Final = 4010
_MAX_PACKET: Final = 1275
_MAX_PACKET_MS: Final = 120
_STEP: Final = MIC_HZ // 400
"""libopus counts in steps of 2.5 ms."""


def _function(name: str, result: type | None, *arguments: type) -> Any:
    """Return a function of libopus with a signature of our own: indexing gives a new one each time."""
    if libopus is None:
        return None
    function = libopus[name]
    function.restype, function.argtypes = result, arguments
    return function


_int, _pointer, _bytes = ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p
_packet_samples = _function("opus_packet_get_nb_samples", _int, _bytes, ctypes.c_int32, ctypes.c_int32)
_decoder_size = _function("opus_decoder_get_size", _int, _int)
_decoder_init = _function("opus_decoder_init", _int, _pointer, ctypes.c_int32, _int)
_decode = _function("opus_decode", _int, _pointer, _bytes, ctypes.c_int32, _pointer, _int, _int)
_encoder_size = _function("opus_encoder_get_size", _int, _int)
_encoder_init = _function("opus_encoder_init", _int, _pointer, ctypes.c_int32, _int, _int)
_encode = _function("opus_encode", ctypes.c_int32, _pointer, _bytes, _int, _pointer, ctypes.c_int32)
_encoder_ctl = _function("opus_encoder_ctl", _int, _pointer, _int)  # what follows is variadic


def require() -> None:
    """Raise FormatFault when this server has no libopus."""
    if libopus is None:
        raise FormatFault(
            "Opus is not installed on this server: choose ENCODING_PCM16, "
            "or have its operator run `pip install opuslib-next-bundled`."
        )


class OpusDecoder:
    """Decodes one client's packets to 16 kHz, whatever rate they were made from."""

    rate_hz = MIC_HZ
    lookahead_samples = samples_of(CLIENT_LOOKAHEAD_MS, MIC_HZ)

    def __init__(self, clock_hz: int) -> None:
        """Take the rate of the client's offsets. Raises FormatFault without libopus."""
        require()
        self._clock_hz = clock_hz
        self._state = ctypes.create_string_buffer(_decoder_size(1))
        self._pcm = ctypes.create_string_buffer(samples_of(_MAX_PACKET_MS, MIC_HZ) * SAMPLE_BYTES)
        _checked(_decoder_init(self._state, MIC_HZ, 1), "make a decoder")

    def length(self, coded: bytes) -> int:
        """Return how many samples of the client's clock a packet lasts. Raises FormatFault when it is none."""
        samples = int(_packet_samples(coded, len(coded), self._clock_hz)) if coded else 0
        if samples <= 0:
            raise _no_packet(coded)
        return samples

    def decode(self, coded: bytes) -> bytes:
        """Return the PCM16 of a packet. Raises FormatFault when it can't be decoded."""
        samples = _decode(self._state, coded, len(coded), self._pcm, samples_of(_MAX_PACKET_MS, MIC_HZ), 0)
        if samples <= 0:
            raise _no_packet(coded)
        return ctypes.string_at(self._pcm, samples * SAMPLE_BYTES)

    def conceal(self, samples: int) -> bytes:
        """Return `samples` in place of lost ones: 60 ms as the decoder guesses them, then silence."""
        guessed = min(samples, samples_of(MAX_CONCEALED_MS, MIC_HZ)) // _STEP * _STEP
        if guessed:
            _checked(_decode(self._state, None, 0, self._pcm, guessed, 0), "conceal a loss")
        return ctypes.string_at(self._pcm, guessed * SAMPLE_BYTES) + silence(samples - guessed)


class OpusEncoder:
    """Encodes one reply from 24 kHz in packets of 20 ms; a fresh one for each reply."""

    rate_hz = REPLY_HZ
    lookahead_samples = samples_of(LOOKAHEAD_MS, REPLY_HZ)

    def __init__(self) -> None:
        """Raises FormatFault without libopus."""
        require()
        self._state = ctypes.create_string_buffer(_encoder_size(1))
        self._packet = ctypes.create_string_buffer(_MAX_PACKET)
        self._rest = b""
        _checked(_encoder_init(self._state, REPLY_HZ, 1, _LOW_DELAY), "make an encoder")
        _checked(_encoder_ctl(self._state, _SET_BITRATE, ctypes.c_int(BITRATE_BPS)), "set the bitrate")
        _checked(_encoder_ctl(self._state, _SET_COMPLEXITY, ctypes.c_int(COMPLEXITY)), "set the complexity")

    def feed(self, pcm: bytes) -> list[tuple[int, bytes]]:
        """Take samples; return the packets that are full, each with its 480 samples. What is left waits for more."""
        size = REPLY_FRAME_SAMPLES * SAMPLE_BYTES
        pcm = self._rest + pcm
        whole = len(pcm) // size * size
        self._rest = pcm[whole:]
        return [(REPLY_FRAME_SAMPLES, self._encoded(pcm[at : at + size])) for at in range(0, whole, size)]

    def finish(self) -> list[tuple[int, bytes]]:
        """Return the last packets: what is left and the lookahead, filled up with silence."""
        samples = pcm_samples(self._rest) + self.lookahead_samples
        return self.feed(silence(self.lookahead_samples + -samples % REPLY_FRAME_SAMPLES))

    def _encoded(self, pcm: bytes) -> bytes:
        size = _encode(self._state, pcm, REPLY_FRAME_SAMPLES, self._packet, _MAX_PACKET)
        return ctypes.string_at(self._packet, _checked(size, "encode"))


def _checked(result: int, what: str) -> int:
    if result < 0:
        raise FormatFault(f"libopus could not {what} (its error {result}): choose ENCODING_PCM16.")
    return result


def _no_packet(coded: bytes) -> FormatFault:
    return FormatFault(
        f"{len(coded)} bytes that are no Opus packet: send one whole packet (RFC 6716) of 2.5 to {_MAX_PACKET_MS} ms "
        "a message, without Ogg around it."
    )
