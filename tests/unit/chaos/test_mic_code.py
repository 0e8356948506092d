"""Marked speech: what is read back of it, wherever it was cut."""

from __future__ import annotations

import numpy as np
import pytest

from tests.chaos.mic_code import BLOCK_SAMPLES, Stretch, Utterance, mark, read

ONE, TWO = Utterance(1, 17, 3), Utterance(6, 4095, 4095)


def noise(samples: int, seed: int = 1) -> bytes:
    """Sound of no meaning."""
    return np.random.default_rng(seed).integers(-3000, 3000, samples).astype("<i2").tobytes()


def test_all_of_an_utterance_is_one_stretch_wherever_it_stands() -> None:
    """Silence, of any length, says nothing; the utterance is found to the sample."""
    pcm = mark(noise(4800), ONE)
    for before in (0, 1, 3210):
        assert read(bytes(2 * before) + pcm + bytes(999)) == [Stretch(ONE, 0, 4800, before)]


def test_the_mark_is_inaudible() -> None:
    """No sample changes by more than one step."""
    before, after = (np.frombuffer(pcm, "<i2").astype(int) for pcm in (noise(640), mark(noise(640), TWO)))
    assert np.abs(before - after).max() <= 1


def test_what_was_cut_out_is_missing() -> None:
    """Two pieces with a hole between them are two stretches, in whole blocks of what is there."""
    pcm = mark(noise(6400), ONE)
    found = read(pcm[: 2 * 1000] + pcm[2 * 4000 :])
    assert [(stretch.begin, stretch.end) for stretch in found] == [(0, 960), (4032, 6400)]
    assert [stretch.at for stretch in found] == [0, 1032]


def test_what_comes_again_is_found_again() -> None:
    """The same samples twice are two stretches."""
    pcm = mark(noise(1280), ONE)
    assert [(stretch.begin, stretch.end) for stretch in read(pcm + pcm)] == [(0, 1280), (0, 1280)]


def test_several_utterances_are_told_apart() -> None:
    """Each stretch says whose it is, up to the largest numbers that fit."""
    found = read(mark(noise(640), ONE) + mark(noise(640), TWO))
    assert [stretch.utterance for stretch in found] == [ONE, TWO]


def test_sound_that_was_altered_says_nothing() -> None:
    """Noise, silence, and speech at another level."""
    quieter = (np.frombuffer(mark(noise(6400), ONE), "<i2") // 2).astype("<i2").tobytes()
    assert read(noise(64_000, seed=2)) == read(bytes(6400)) == read(quieter) == []


def test_a_block_by_chance_is_none_and_tears_no_stretch_in_two() -> None:
    """In this utterance one stands at sample 9782, across two that are meant; its line would not even exist."""
    unlucky = Utterance(2, 44, 3)
    assert read(mark(bytes(2 * 300 * BLOCK_SAMPLES), unlucky)) == [Stretch(unlucky, 0, 300 * BLOCK_SAMPLES, 0)]


def test_sound_that_fills_no_block_is_filled_up() -> None:
    """With silence, so that its end can be read, too."""
    assert len(mark(noise(100), ONE)) == 2 * 2 * BLOCK_SAMPLES


@pytest.mark.parametrize("utterance", [Utterance(64, 0, 0), Utterance(0, 4096, 0), Utterance(0, 0, 4096)])
def test_numbers_that_do_not_fit_are_refused(utterance: Utterance) -> None:
    """Rather than be read as others."""
    with pytest.raises(ValueError, match="can't be marked"):
        mark(noise(640), utterance)
