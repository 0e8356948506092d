"""FLAC (RFC 9639), decoded without a library: enough to read recordings of speech, a second of them in 20 ms.

One channel of 16 bits is what we have; other numbers of channels and bits are refused. Checksums are not looked at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

_BLOCK_SIZES: Final = {1: 192, **{n: 576 << (n - 2) for n in range(2, 6)}, **{n: 256 << (n - 8) for n in range(8, 16)}}
_STREAMINFO: Final = 0
_FIXED: Final = ((), (1,), (2, -1), (3, -3, 1), (4, -6, 4, -1))
"""The fixed predictors: factors of the last sample, the one before it, and so on."""


class FlacError(Exception):
    """The file is no FLAC, or of a kind that is not read here; the message says what."""


def read_flac(path: Path) -> tuple[int, NDArray[np.int16]]:
    """Return (rate in Hz, samples). Raises FlacError, OSError."""
    data = path.read_bytes()
    if data[:4] != b"fLaC":
        raise FlacError(f"{path.name} is no FLAC file")
    at, rate_hz, is_last = 4, 0, False
    while not is_last:
        is_last, kind, size = bool(data[at] & 0x80), data[at] & 0x7F, int.from_bytes(data[at + 1 : at + 4], "big")
        if kind == _STREAMINFO:
            packed = int.from_bytes(data[at + 14 : at + 22], "big")
            rate_hz, channels, bits = packed >> 44, (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1
            if (channels, bits) != (1, 16):
                raise FlacError(f"{path.name} has {channels} channels of {bits} bits; one of 16 is read here")
        at += 4 + size
    try:
        return rate_hz, np.array(_frames(_Bits(data, at)), dtype=np.int16)
    except (IndexError, OverflowError) as error:
        raise FlacError(f"{path.name} is damaged") from error


class _Bits:
    """Reads numbers of any width, most significant bit first."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at
        self._value = 0
        self._width = 0

    @property
    def is_over(self) -> bool:
        return self._at >= len(self._data) and self._width < 8

    def _fill(self, width: int) -> None:
        while self._width < width:
            piece = self._data[self._at : self._at + 32]
            if not piece:
                raise IndexError
            self._at += len(piece)
            self._value = (self._value & ((1 << self._width) - 1)) << (8 * len(piece)) | int.from_bytes(piece, "big")
            self._width += 8 * len(piece)

    def number(self, width: int) -> int:
        """Read an unsigned number."""
        if width > self._width:
            self._fill(width)
        self._width -= width
        return self._value >> self._width & ((1 << width) - 1)

    def signed(self, width: int) -> int:
        """Read a number in two's complement."""
        value = self.number(width)
        return value - (1 << width) if width and value >> (width - 1) else value

    def zeros(self) -> int:
        """Count zeros up to the next one, and pass it."""
        count = 0
        while not (rest := self._value & ((1 << self._width) - 1)):
            count += self._width
            self._width = 0
            self._fill(1)
        leading = self._width - rest.bit_length()
        self._width -= leading + 1
        return count + leading

    def align(self) -> None:
        """Go on at the next whole byte."""
        self._width -= self._width % 8


def _frames(bits: _Bits) -> list[int]:
    samples: list[int] = []
    while not bits.is_over:
        count = _header(bits)
        samples += _subframe(bits, count)
        bits.align()
        bits.number(16)  # its checksum
    return samples


def _header(bits: _Bits) -> int:
    """Read a frame's header; return how many samples it has."""
    if bits.number(14) != 0x3FFE:
        raise IndexError
    bits.number(2)
    size, rate = bits.number(4), bits.number(4)
    bits.number(8)
    first = bits.number(8)  # its number, written as UTF-8 writes characters
    for _ in range(max(0, 8 - (first ^ 0xFF).bit_length() - 1)):
        bits.number(8)
    count = bits.number(8 * (size - 5)) + 1 if size in (6, 7) else _BLOCK_SIZES[size]
    if rate >= 12:
        bits.number(8 if rate == 12 else 16)
    bits.number(8)
    return count


def _subframe(bits: _Bits, count: int) -> list[int]:
    bits.number(1)
    kind = bits.number(6)
    wasted = bits.zeros() + 1 if bits.number(1) else 0
    width = 16 - wasted
    if kind == 0:
        samples = [bits.signed(width)] * count
    elif kind == 1:
        samples = [bits.signed(width) for _ in range(count)]
    elif 8 <= kind <= 12:
        samples = _predicted(bits, count, [bits.signed(width) for _ in range(kind - 8)], _FIXED[kind - 8], 0)
    elif kind >= 32:
        first = [bits.signed(width) for _ in range(kind - 31)]
        precision, shift = bits.number(4) + 1, bits.signed(5)
        factors = tuple(bits.signed(precision) for _ in range(kind - 31))
        samples = _predicted(bits, count, first, factors, shift)
    else:
        raise IndexError
    return [sample << wasted for sample in samples] if wasted else samples


def _predicted(bits: _Bits, count: int, samples: list[int], factors: tuple[int, ...], shift: int) -> list[int]:
    order = len(factors)
    residual = _residual(bits, count, order)
    pairs = tuple(zip(factors, range(-1, -order - 1, -1), strict=True))
    for error in residual:
        samples.append(error + (sum([factor * samples[back] for factor, back in pairs]) >> shift))
    return samples


def _residual(bits: _Bits, count: int, order: int) -> list[int]:
    """Read Rice-coded numbers."""
    width = 5 if bits.number(2) else 4
    parts = 1 << bits.number(4)
    residual: list[int] = []
    for part in range(parts):
        size = count // parts - (order if part == 0 else 0)
        if (parameter := bits.number(width)) == (1 << width) - 1:
            plain = bits.number(5)
            residual += [bits.signed(plain) for _ in range(size)]
            continue
        for _ in range(size):
            value = bits.zeros() << parameter | bits.number(parameter)
            residual.append(value >> 1 ^ -(value & 1))
    return residual
