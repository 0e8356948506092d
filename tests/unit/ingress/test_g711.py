"""G.711: every byte and every sample, held against the standard and against another implementation."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

from services.ingress.formats import ALAW, MULAW, Format
from services.ingress.g711 import ALAW as A
from services.ingress.g711 import MULAW as U
from services.ingress.g711 import Law
from tests.fakes.client_formats import levels_of
from tests.unit.ingress.frames import samples_of

EVERY_BYTE = bytes(range(256))
EVERY_SAMPLE = np.arange(-32_768, 32_768).astype("<i2").tobytes()


@pytest.mark.parametrize(
    ("law", "tone", "peak_dbm0"),
    [(U, bytes.fromhex("1e0b0b1e9e8b8b9e"), 3.17), (A, bytes.fromhex("34212134b4a1a1b4"), 3.14)],
    ids=["mu-law", "A-law"],
)
def test_the_standard_s_test_tone(law: Law, tone: bytes, peak_dbm0: float) -> None:
    """Tables 5 and 6 of ITU-T G.711 write 1 kHz at 0 dBm0; overload is 3.17 (µ) or 3.14 dB (A) above it."""
    wave = samples_of(law.decode(tone * 100)).astype(np.float64)
    spectrum = np.abs(np.fft.rfft(wave)) / (len(wave) / 2)
    assert np.argmax(spectrum) == 100, "1 kHz"
    assert np.sort(spectrum)[-2] < spectrum[100] / 50, "and little else"
    full = {3.17: 8159 * 4, 3.14: 4096 * 8}[peak_dbm0]
    assert 20 * np.log10(full / spectrum[100]) == pytest.approx(peak_dbm0, abs=0.05)


@pytest.mark.parametrize(("law", "encoding"), [(U, MULAW), (A, ALAW)], ids=["mu-law", "A-law"])
def test_every_byte_means_its_level_and_is_written_back(law: Law, encoding: int) -> None:
    """256 levels by the standard's formula; each is coded as itself (µ-law's two zeros as one)."""
    levels = samples_of(law.decode(EVERY_BYTE))
    assert np.array_equal(levels, levels_of(Format(encoding, 8_000)))  # type: ignore[arg-type]
    again = np.frombuffer(law.encode(levels.astype("<i2").tobytes()), np.uint8)
    changed = [byte for byte in range(256) if again[byte] != byte]
    assert changed == ([0x7F] if encoding == MULAW else [])


@pytest.mark.parametrize("law", [U, A], ids=["mu-law", "A-law"])
def test_every_sample_is_coded_about_as_near_as_it_can_be(law: Law) -> None:
    """Up to overload: half a step off at most; where two segments meet, half of the larger step."""
    samples = np.arange(-32_000, 32_000)
    coded = law.encode(samples.astype("<i2").tobytes())
    levels = np.unique(samples_of(law.decode(EVERY_BYTE)).astype(int))
    above = np.searchsorted(levels, samples).clip(1, len(levels) - 1)
    step = levels[above] - levels[above - 1]
    assert np.all(np.abs(samples_of(law.decode(coded)) - samples) <= step * 2 / 3 + 4)


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="audioop left the standard library")
def test_all_of_it_agrees_with_audioop() -> None:
    """CPython's audioop (Sun's reference code) codes all 65 536 samples and 256 bytes alike."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop
    assert U.encode(EVERY_SAMPLE) == audioop.lin2ulaw(EVERY_SAMPLE, 2)
    assert A.encode(EVERY_SAMPLE) == audioop.lin2alaw(EVERY_SAMPLE, 2)
    assert U.decode(EVERY_BYTE) == audioop.ulaw2lin(EVERY_BYTE, 2)
    assert A.decode(EVERY_BYTE) == audioop.alaw2lin(EVERY_BYTE, 2)
