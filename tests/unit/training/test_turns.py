"""The fit of the end-of-turn head: it finds what is there, the same every time, and says what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.vad.signals import pcm, silence, vowel
from training.turns.__main__ import chosen
from training.turns.head import Examples, area, calibrate, fit, weigh
from training.turns.sound import Samples, other_place, other_speed, read, room_tone


def crowd(count: int, seed: int) -> Examples:
    """Examples of two sources whose third state tells ends, and whose fourth tells the sources."""
    dice = np.random.default_rng(seed)
    is_end = dice.random(count) < 0.3
    source = np.where(dice.random(count) < 0.8, "many", "few")
    pooled = dice.standard_normal((count, 384))
    pooled[:, 2] += 3.0 * is_end
    pooled[:, 3] += 5.0 * (source == "few")
    return Examples(pooled, np.zeros(count), is_end, ~is_end, source)


def spoken() -> Samples:
    """A second of voice in a quiet room."""
    return np.frombuffer(pcm(silence(0.5), vowel(1.0), silence(0.5)), dtype="<i2")


def test_the_fit_finds_what_tells_an_end() -> None:
    """And holds on others; what tells the sources apart is of no weight."""
    weights, bias = fit(crowd(800, 1), ridge=300.0)
    others = crowd(800, 2)
    assert int(np.argmax(np.abs(weights))) == 2
    assert abs(weights[3]) < 0.1 * weights[2]
    assert area(others.pooled @ weights + bias, others.is_end) > 0.9


def test_sources_count_alike() -> None:
    """However many recordings one has; and ends as much as the rest."""
    examples = crowd(800, 1)
    counts = weigh(examples)
    sums = {
        counts[(examples.source == s) & (examples.is_end == e)].sum() for s in ("many", "few") for e in (True, False)
    }
    assert max(sums) == pytest.approx(min(sums))


def test_calibrated_odds_mean_what_they_say() -> None:
    """Log odds that were four times too sure and shifted are brought back."""
    dice = np.random.default_rng(1)
    odds = dice.normal(0.0, 2.0, 20_000)
    is_end = dice.random(20_000) < 1 / (1 + np.exp(-odds))
    factor, offset = calibrate(4.0 * odds + 1.0, is_end, np.ones(20_000))
    assert factor == pytest.approx(0.25, rel=0.1)
    assert offset == pytest.approx(-0.25, abs=0.1)


def test_area_is_the_share_of_pairs_in_order() -> None:
    """Perfect, reversed, and one pair of four wrong."""
    is_end = np.array([True, True, False, False])
    assert area(np.array([3.0, 2.0, 1.0, 0.0]), is_end) == 1.0
    assert area(np.array([0.0, 1.0, 2.0, 3.0]), is_end) == 0.0
    assert area(np.array([3.0, 1.0, 2.0, 0.0]), is_end) == 0.75


def test_other_places_are_the_same_for_the_same_dice() -> None:
    """A fit can be made again to the same numbers."""
    for change in (other_place, other_speed):
        one, other = (change(spoken(), np.random.default_rng(7)) for _ in range(2))
        assert one.dtype == np.int16
        np.testing.assert_array_equal(one, other)


def test_room_tone_is_the_room_and_nobody_in_it() -> None:
    """As long as asked for, and far below the voice."""
    tone = room_tone(spoken(), 8_000, np.random.default_rng(1)).astype(np.float64)
    assert len(tone) == 8_000
    assert np.square(tone).mean() < 1e-3 * np.square(spoken().astype(np.float64)).mean()


def test_missing_data_is_named(tmp_path: Path) -> None:
    """A folder without a manifest, one source only, and a recording that is none."""
    with pytest.raises(SystemExit, match=r"manifest\.csv"):
        chosen([tmp_path], 10, 1)
    (tmp_path / "manifest.csv").write_text("path,label,speaker,source\na.wav,turn,s,one\nb.wav,talk,s,two\n")
    with pytest.raises(SystemExit, match="two sources"):
        chosen([tmp_path], 10, 1)
    (tmp_path / "a.wav").write_bytes(b"no sound")
    with pytest.raises(SystemExit, match=r"a\.wav"):
        read(tmp_path / "a.wav")
