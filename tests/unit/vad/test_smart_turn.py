"""End of turn by ear: the features are Whisper's, and the model takes turns of any length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.vad.mel import log_mel, mel_bank, standardise
from services.vad.onnx_graph import GraphError
from services.vad.smart_turn import LEVEL_SAMPLES, POSITIONS, STATES, SmartTurn, features, read_head, shorten
from services.vad.voice import samples_of
from services.vad.weights import WeightsError, read_graph
from tests.unit.vad.signals import pcm, silence, time_axis, vowel

SWEEP = pcm(0.4 * np.sin(2 * np.pi * (100 + 1200 * time_axis(3.0)) * time_axis(3.0)))


@pytest.fixture(scope="module")
def model() -> SmartTurn:
    """The real model; without its weights the test fails and says what to run."""
    try:
        return SmartTurn()
    except WeightsError as error:
        pytest.fail(str(error))


def test_features_agree_with_the_reference() -> None:
    """A 3 s sweep gives the values that the WhisperFeatureExtractor recipe gives (frozen from a reference run).

    The reference has 800 frames, of which the last 512 are taken.
    """
    found = features(samples_of(SWEEP))
    reference = {
        (0, 0): -0.07151951,
        (5, 214): 1.4333402,
        (10, 222): 1.4153292,
        (20, 272): -0.22014233,
        (30, 211): -0.092156716,
        (79, 511): 0.7654442,
    }
    assert found.shape == (80, 512)
    assert found.dtype == np.float32
    for place, value in reference.items():
        assert found[place] == pytest.approx(value, abs=2e-5), place


def test_features_span_eight_decades_and_no_more() -> None:
    """The quietest band lies eight decades under the loudest, which is two units of the features."""
    found = features(samples_of(SWEEP))
    assert found.max() - found.min() == pytest.approx(2.0, abs=1e-5)


def test_loudness_does_not_matter() -> None:
    """A turn spoken ten times quieter looks the same: the waveform is standardised first."""
    loud = samples_of(pcm(vowel(1.0)))
    quiet = np.round(loud / 10).astype(np.int16)
    assert np.abs(features(loud) - features(quiet)).mean() < 0.05


def test_only_the_last_eight_seconds_count() -> None:
    """What was said before does not change the features; 5 s are seen, 8 s set the level."""
    recent = samples_of(pcm(vowel(8.0)))
    assert len(recent) == LEVEL_SAMPLES
    earlier = np.concatenate([samples_of(SWEEP), recent])
    np.testing.assert_array_equal(features(earlier), features(recent))


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.25, 0.5, 3.0, 7.9])
def test_padding_is_computed_once_and_to_the_same_values(seconds: float) -> None:
    """Skipping the frames of the padding is a saving, not an approximation."""
    samples = samples_of(pcm(vowel(8.0)))[: round(seconds * 16_000)].astype(np.float32) / np.float32(32768)
    missing = LEVEL_SAMPLES - len(samples)
    waveform = standardise(np.pad(samples, (missing, 0)))
    np.testing.assert_allclose(log_mel(waveform, missing), log_mel(waveform), atol=1e-4)


def test_mel_triangles_overlap_and_have_unit_area() -> None:
    """Each of the 80 bands integrates to one over frequency (40 Hz bins) as far as bins that coarse can show it."""
    bank = mel_bank()
    assert bank.shape == (201, 80)
    assert (bank >= 0).all()
    assert ((bank > 0).sum(axis=1) <= 2).all()
    assert bank[:, 40:].sum(axis=0) * 40 == pytest.approx(np.ones(40), abs=0.1)


@pytest.mark.parametrize("turn", [b"", pcm(silence(1.0)), SWEEP, pcm(vowel(9.0))], ids=["none", "silence", "3s", "9s"])
def test_any_length_of_turn_gets_a_probability(model: SmartTurn, turn: bytes) -> None:
    """Nothing, silence, a short turn and one longer than the window are all judged."""
    assert 0.0 <= model.probability(turn) <= 1.0
    assert 0.0 <= model.bare(turn) <= 1.0


def test_the_head_is_what_judges() -> None:
    """Without its weights the answer is that of a toss; what the published model says stays the same."""
    whole, headless = SmartTurn(), SmartTurn(head=None)
    assert headless.probability(SWEEP) == 0.5
    assert whole.probability(SWEEP) != 0.5
    assert whole.bare(SWEEP) == headless.bare(SWEEP)
    assert whole.hear(SWEEP).pooled.shape == (STATES,)


@pytest.mark.parametrize("content", [b"", b"no weights"])
def test_a_damaged_head_is_named(tmp_path: Path, content: bytes) -> None:
    """The error says which file, and what to do."""
    path = tmp_path / "turn_head.npz"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"turn_head\.npz"):
        read_head(path)


def test_a_head_for_another_network_is_refused(tmp_path: Path) -> None:
    """Weights of another size are refused by their size."""
    path = tmp_path / "turn_head.npz"
    np.savez(path, weights=np.zeros(3, dtype=np.float32), bias=np.float32(0))
    with pytest.raises(WeightsError, match="384"):
        read_head(path)


def test_the_network_is_cut_to_its_last_positions() -> None:
    """What is left of the position embedding is its end, where the end of the turn lies; nothing else has 400 rows."""
    whole, cut = read_graph("smart_turn_v3.2"), read_graph("smart_turn_v3.2")
    shorten(cut)
    name = "inner.encoder.embed_positions.weight"
    np.testing.assert_array_equal(cut.floats(name), whole.floats(name)[-POSITIONS:])


def test_another_network_is_not_cut() -> None:
    """A file without the expected tensor is refused by name."""
    with pytest.raises(GraphError, match="embed_positions"):
        shorten(read_graph("silero_vad_16k"))


def test_half_a_sample_is_refused(model: SmartTurn) -> None:
    """An odd number of bytes is an error of the caller, named as such."""
    with pytest.raises(ValueError, match="whole number of samples"):
        model.probability(b"\0")
