"""Audio of a speech server as it comes: raw PCM16 or WAV, at any rate, mono or not, to samples at 24 kHz."""

from __future__ import annotations

import struct

import numpy as np
import soxr
from numpy.typing import NDArray

from services.engine.speech import RATE_HZ

_RATES_HZ = range(4_000, 192_001)
_MOST_HEADER_BYTES = 64 * 1024
_PCM_TAGS = (1, 0xFFFE)  # WAVE_FORMAT_PCM and _EXTENSIBLE


class SoundError(Exception):
    """What comes is no audio that can be read; the message says what it is instead."""


class SoundStream:
    """`feed` bytes, get samples. What begins as a WAV file is read as one, else `rate_hz` is believed."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz, self._channels = rate_hz, 1
        self._rest = b""
        self._in_header = True
        self._resampler: soxr.ResampleStream | None = None

    def feed(self, chunk: bytes) -> NDArray[np.int16]:
        """Add what has come. Raises SoundError."""
        data = self._rest + chunk
        if self._in_header:
            body = self._read_header(data)
            if body is None:
                self._rest = data
                return np.zeros(0, dtype=np.int16)
            data, self._in_header = body, False
        whole = len(data) - len(data) % (2 * self._channels)
        self._rest = data[whole:]
        return self._convert(data[:whole], last=False)

    def finish(self) -> NDArray[np.int16]:
        """The stream is over: gives what the resampler still holds. Raises SoundError for one that is no audio."""
        if self._in_header and self._rest:
            raise SoundError("it ended before its audio began")
        return self._convert(b"", last=True)

    def _convert(self, pcm: bytes, last: bool) -> NDArray[np.int16]:
        samples = np.frombuffer(pcm, dtype="<i2")
        if self._channels > 1:
            samples = samples.reshape(-1, self._channels).mean(axis=1).astype(np.int16)
        if self._rate_hz == RATE_HZ:
            return np.asarray(samples, dtype=np.int16)
        if self._resampler is None:
            self._resampler = soxr.ResampleStream(self._rate_hz, RATE_HZ, 1, dtype="int16", quality="HQ")
        return np.asarray(self._resampler.resample_chunk(samples, last=last), dtype=np.int16)

    def _read_header(self, data: bytes) -> bytes | None:
        """The audio behind the header; None while that is not complete."""
        if len(data) < 12:
            return None
        if data[:4] != b"RIFF":
            _check_is_raw(data)
            return data
        if data[8:12] != b"WAVE":
            raise SoundError("it is a RIFF file, but no WAV")
        place = 12
        while place + 8 <= len(data):
            name, size = struct.unpack_from("<4sI", data, place)
            if name == b"data":
                # Its length is not looked at: who streams cannot know it. What may follow the audio is rarely there.
                return data[place + 8 :]
            if place + 8 + size > _MOST_HEADER_BYTES:
                raise SoundError("the header of its WAV is too long")
            if place + 8 + size > len(data):
                return None
            if name == b"fmt ":
                self._read_format(data[place + 8 : place + 8 + size])
            place += 8 + size + size % 2
        return None

    def _read_format(self, chunk: bytes) -> None:
        if len(chunk) < 16:
            raise SoundError("the header of its WAV is broken")
        tag, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
        if tag not in _PCM_TAGS or bits != 16 or not 1 <= channels <= 8 or rate_hz not in _RATES_HZ:
            raise SoundError(f"it is a WAV of format {tag}, {bits} bits, {channels} channels, {rate_hz} Hz, not PCM16")
        self._channels, self._rate_hz = channels, rate_hz


def _check_is_raw(data: bytes) -> None:
    for magic, name in ((b"ID3", "MP3"), (b"OggS", "Ogg"), (b"fLaC", "FLAC")):
        if data.startswith(magic):
            raise SoundError(f"it is {name}")
