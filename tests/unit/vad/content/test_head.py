"""The content head: a small one made by hand, and the one that is shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.vad.content.encoder import SEGMENTS, STATE_SIZE
from services.vad.content.head import CLASSES, MOMENT_SIZE, Content, ContentHead, Floats, Moment
from services.vad.content.words import UNITS
from services.vad.weights import WeightsError

MOMENT = Moment(elapsed_ms=400, speech_ms=320, silence_ms=64, mean_voice=0.8, last_voice=0.3)


def file_of(folder: Path, **changed: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Path:
    """Write a head of two directions and three hidden units: a state's first number says that it is a command."""
    held: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]] = {
        "unit_names": np.array(UNITS),
        "mean": np.zeros(STATE_SIZE),
        "projection": np.eye(STATE_SIZE, 2),
        "hidden": np.zeros((2 * SEGMENTS + MOMENT_SIZE, 3)),
        "hidden_bias": np.zeros(3),
        "kinds": np.zeros((3, len(CLASSES))),
        "kinds_bias": np.zeros(len(CLASSES)),
        "units": np.zeros((3, len(UNITS))),
        "units_bias": np.zeros(len(UNITS)),
        **changed,
    }
    if not changed:
        held["hidden"][0, 0] = held["hidden"][-1, 1] = 1.0
        held["kinds"][0, 0] = 5.0
        held["units"][0, UNITS.index("stop")] = 5.0
    file = folder / "head.npz"
    np.savez(file, **held)  # type: ignore[arg-type]
    return file


def states(first: float) -> Floats:
    """States whose very first number is this, the rest being nothing."""
    found = np.zeros((SEGMENTS, STATE_SIZE), np.float32)
    found[0, 0] = first
    return found


def test_a_moment_is_laid_out_to_scale() -> None:
    """Durations against 0.8 s and 0.2 s, probabilities as they are."""
    assert MOMENT.features().tolist() == pytest.approx([0.5, 0.4, 0.32, 0.8, 0.3])


def test_a_head_made_by_hand(tmp_path: Path) -> None:
    """What the weights say is what comes out: without the sign every class alike, with it a command, namely stop."""
    head = ContentHead(file_of(tmp_path))
    unsure = head.judge(states(0.0), MOMENT)
    assert [unsure.command, unsure.phrase, unsure.word, unsure.backchannel, unsure.noise] == pytest.approx([0.2] * 5)
    sure = head.judge(states(2.0), MOMENT)
    assert sure.command > 0.99
    assert sure.likeliest_unit(np.array([unit in ("stop", "no") for unit in UNITS]))[0] == "stop"
    assert sure.sounds.tolist() == [2.0] + [0.0] * (2 * SEGMENTS - 1)
    assert head.judge(states(-2.0), MOMENT).command == pytest.approx(0.2), "less than nothing is nothing"


def test_only_the_words_that_are_obeyed_count() -> None:
    """How likely they are together, and the likeliest of them; none of them is no command."""
    units = np.zeros(len(UNITS), np.float32)
    units[UNITS.index("stop")], units[UNITS.index("no")], units[UNITS.index("wait")] = 0.5, 0.2, 0.3
    content = Content(0.8, 0.1, 0.05, 0.03, 0.02, units, np.zeros(4, np.float32))
    obeyed = np.array([unit in ("no", "wait") for unit in UNITS])
    word, likely = content.likeliest_unit(obeyed)
    assert word == "wait"
    assert likely == pytest.approx(0.4)
    assert content.likeliest_unit(np.zeros(len(UNITS), dtype=bool))[1] == 0.0


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 1.0, 30.0, 1e3]))
def test_whatever_is_heard_the_shipped_head_gives_probabilities(seed: int, scale: float) -> None:
    """Five that sum to one, and units that do."""
    heard = (np.random.default_rng(seed).standard_normal((SEGMENTS, STATE_SIZE)) * scale).astype(np.float32)
    content = SHIPPED.judge(heard, MOMENT)
    kinds = [content.command, content.phrase, content.word, content.backchannel, content.noise]
    assert min(kinds) >= 0
    assert sum(kinds) == pytest.approx(1.0, abs=1e-4)
    assert float(content.units.sum()) == pytest.approx(1.0, abs=1e-4)
    assert np.isfinite(content.sounds).all()


SHIPPED = ContentHead()


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    """Missing, damaged, or for another list of words: each says what to do."""
    with pytest.raises(WeightsError, match="restore it from the release"):
        ContentHead(tmp_path / "gone.npz")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(WeightsError, match="restore it from the release"):
        ContentHead(tmp_path / "bad.npz")
    np.savez(tmp_path / "half.npz", mean=np.zeros(STATE_SIZE))
    with pytest.raises(WeightsError, match="restore it from the release"):
        ContentHead(tmp_path / "half.npz")
    with pytest.raises(WeightsError, match="trained for other words"):
        ContentHead(file_of(tmp_path, unit_names=np.array(["stop"])))
