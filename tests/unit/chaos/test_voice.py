"""The lines as sound and as words, and back."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.chaos.lines import LINES
from tests.chaos.mic_code import BLOCK_SAMPLES, Utterance, read
from tests.chaos.mind import transcript
from tests.chaos.voice import bounds, said, samples_of, whole_words
from tests.chaos.wording import Heard, WordAnswered, WordSaid, answer_word, answered_in, said_in, words_of, written


@pytest.mark.parametrize("line", range(len(LINES)))
def test_words_cover_their_line(line: int) -> None:
    """Each has some sound of its own, in whole blocks, and nothing of the line is left out."""
    edges = bounds(line)
    assert (edges[0], edges[-1]) == (0, samples_of(line))
    assert len(edges) == len(words_of(line)) + 1
    assert all(before < after for before, after in pairwise(edges))
    assert all(edge % BLOCK_SAMPLES == 0 for edge in edges)


@pytest.mark.parametrize("line", range(len(LINES)))
def test_a_whole_utterance_is_written_down_word_for_word(line: int) -> None:
    """And the transcript says of each word which it is."""
    utterance = Utterance(line, 17, 4)
    assert said_in(transcript(said(utterance))) == [WordSaid(utterance, n) for n in range(len(words_of(line)))]


def test_a_word_of_which_a_sample_is_missing_is_not_written_down() -> None:
    """Those before and after it are."""
    utterance = Utterance(1, 17, 4)
    pcm, edges = said(utterance), bounds(1)
    hole = pcm[: 2 * (edges[3] + 200)] + pcm[2 * (edges[3] + 300) :]
    heard = [word.place for word in whole_words(read(hole))]
    assert heard == [place for place in range(len(words_of(1))) if place != 3]


def test_a_word_that_came_twice_is_written_down_twice() -> None:
    """Nothing is taken for an echo of itself."""
    utterance = Utterance(0, 17, 4)
    words = said_in(transcript(said(utterance) * 2))
    assert words == [WordSaid(utterance, n) for n in range(len(words_of(0)))] * 2


def test_words_are_found_in_any_text() -> None:
    """Between other words, and next to punctuation."""
    word = WordSaid(Utterance(2, 17, 4), 9)
    assert said_in(f"He said “{written(word)}”, and then_1 nothing 2_3_4_5.") == [word]


def test_words_of_answers_are_of_one_length_and_found_whole() -> None:
    """One that was cut off in the middle is none."""
    heard = Heard(Utterance(3, 17, 4), 5)
    words = [answer_word(heard, place) for place in range(LINES[3].answer_words)]
    assert len({len(word) for word in words}) == 1
    assert words[-1].endswith(".")
    text = " ".join(words[5:8])
    assert answered_in(text) == [WordAnswered(heard, place) for place in (5, 6, 7)]
    assert answered_in(text[:-1]) == [WordAnswered(heard, place) for place in (5, 6)]
