"""FLAC: each way of writing samples is read back; what is no FLAC is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.fakes.flac import FlacError, read_flac

COUNT = 192
RATE_HZ = 16_000
WAVE = [round(3_000 * np.sin(n / 9)) for n in range(COUNT)]


def bits(value: int, width: int) -> str:
    """Write a number, in two's complement when it is negative."""
    return format(value & ((1 << width) - 1), f"0{width}b")


def rice(values: list[int], parameter: int) -> str:
    """Write numbers Rice-coded."""
    folded = [value << 1 if value >= 0 else -value * 2 - 1 for value in values]
    return "".join("0" * (value >> parameter) + "1" + bits(value, parameter) for value in folded)


def verbatim() -> str:
    """Samples as they are."""
    return bits(1 << 1, 8) + "".join(bits(sample, 16) for sample in WAVE)


def constant() -> str:
    """One sample for all."""
    return bits(0, 8) + bits(-77, 16)


def fixed() -> str:
    """The second fixed predictor, four parts of Rice codes."""
    errors = [WAVE[n] - 2 * WAVE[n - 1] + WAVE[n - 2] for n in range(2, COUNT)]
    parts = [errors[:46], errors[46:94], errors[94:142], errors[142:]]
    coded = "".join(bits(5, 4) + rice(part, 5) for part in parts)
    return bits(10 << 1, 8) + bits(WAVE[0], 16) + bits(WAVE[1], 16) + "00" + bits(2, 4) + coded


def linear() -> str:
    """A linear predictor of one factor, 3/4, and errors written plainly."""
    errors = [WAVE[n] - (3 * WAVE[n - 1] >> 2) for n in range(1, COUNT)]
    head = bits(32 << 1, 8) + bits(WAVE[0], 16) + bits(3, 4) + bits(2, 5) + bits(3, 4)
    return head + "00" + bits(0, 4) + "1111" + bits(16, 5) + "".join(bits(error, 16) for error in errors)


def wasted() -> str:
    """Samples with three empty bits at the bottom, which are not written."""
    return bits(1 << 1 | 1, 8) + "001" + "".join(bits(n, 13) for n in range(COUNT))


def file_of(subframe: str, channels: int = 1) -> bytes:
    """Write a file of one frame."""
    packed = (RATE_HZ << 44 | (channels - 1) << 41 | 15 << 36 | COUNT).to_bytes(8, "big")
    info = bytes(10) + packed + bytes(16)
    head = bits(0x3FFE, 14) + "00" + bits(1, 4) + bits(5, 4) + bits(0b00001000, 8) + bits(0, 8) + bits(0, 8)
    body = head + subframe
    body += "0" * (-len(body) % 8) + bits(0, 16)
    return b"fLaC" + b"\x80" + len(info).to_bytes(3, "big") + info + int(body, 2).to_bytes(len(body) // 8, "big")


@pytest.mark.parametrize(
    ("subframe", "samples"),
    [
        (verbatim(), WAVE),
        (constant(), [-77] * COUNT),
        (fixed(), WAVE),
        (linear(), WAVE),
        (wasted(), [n * 8 for n in range(COUNT)]),
    ],
    ids=["verbatim", "constant", "fixed", "linear", "wasted"],
)
def test_each_way_of_writing_samples_is_read_back(tmp_path: Path, subframe: str, samples: list[int]) -> None:
    """The samples and their rate are those that were written."""
    path = tmp_path / "a.flac"
    path.write_bytes(file_of(subframe))
    rate_hz, sound = read_flac(path)
    assert (rate_hz, sound.tolist()) == (RATE_HZ, samples)


def test_what_is_not_read_here_is_refused_in_words(tmp_path: Path) -> None:
    """Another format, another number of channels, and a file cut short are told apart."""
    path = tmp_path / "a.flac"
    for data, words in (
        (b"RIFF", "no FLAC file"),
        (file_of(verbatim(), channels=2), "2 channels"),
        (file_of(verbatim())[:200], "damaged"),
    ):
        path.write_bytes(data)
        with pytest.raises(FlacError, match=words):
            read_flac(path)
