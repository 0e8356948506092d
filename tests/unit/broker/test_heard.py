"""The words: which of them were heard up to a sample, with exact times and without."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.broker.heard import CHARS_PER_S, Words
from services.common.audio import REPLY_HZ

S = REPLY_HZ


def spoken(*words: str, aligned: bool, step: int = S) -> Words:
    """Words that arrive one step of audio apart."""
    found = Words(aligned=aligned)
    for index, word in enumerate(words):
        found.add(word, index * step)
    return found


def test_aligned_words_are_heard_when_their_audio_began() -> None:
    """Less than half a word was not heard; more was."""
    words = spoken("one", " two", " three", aligned=True)
    assert words.heard(int(1.4 * S), 3 * S, complete=True) == "one"
    assert words.heard(int(1.6 * S), 3 * S, complete=True) == "one two"
    assert words.heard(int(0.4 * S), 3 * S, complete=False) == ""


def test_a_word_whose_audio_has_not_come_was_not_heard() -> None:
    """All audio so far was played; the word that was announced behind it has not sounded."""
    words = spoken("one", " two", aligned=True)
    assert words.heard(S, S, complete=False) == "one"


def test_a_word_that_broke_off_in_its_beginning_was_not_heard() -> None:
    """How long it would have been is known by those before it, or by the usual speed."""
    words = spoken("one", " two", " three", aligned=True)
    assert words.heard(2 * S + 100, 2 * S + 100, complete=False) == "one two"
    assert words.heard(int(2.9 * S), int(2.9 * S), complete=False) == "one two three"
    alone = spoken("x" * int(CHARS_PER_S), aligned=True)
    assert alone.heard(int(0.4 * S), int(0.4 * S), complete=False) == ""
    assert alone.heard(int(0.6 * S), int(0.6 * S), complete=False) == alone.text


def test_all_of_a_complete_item_is_all_its_words() -> None:
    """Whatever the timing, the end of the audio is the end of the words."""
    for aligned in (True, False):
        assert spoken(" one", " two ", aligned=aligned).heard(2 * S, 2 * S, complete=True) == "one two"


def test_words_ahead_of_the_audio_are_shared_out_over_it() -> None:
    """With the length known, half the audio is half the letters, down to whole words."""
    words = Words(aligned=False)
    words.add("aaaa bbbb cccc dddd", 0)
    assert words.heard(int(0.9 * S), 2 * S, complete=True) == "aaaa"
    assert words.heard(S, 2 * S, complete=True) == "aaaa bbbb"


def test_while_the_length_is_unknown_speech_has_its_usual_speed() -> None:
    """A reply cut off while it is generated: fifteen letters a second."""
    words = Words(aligned=False)
    words.add("x" * int(CHARS_PER_S) + " more words that were not heard", 0)
    assert words.heard(S, 4 * S, complete=False) == "x" * int(CHARS_PER_S)


def test_words_that_had_not_arrived_were_not_heard() -> None:
    """Arrival is the earliest that words can be heard."""
    words = Words(aligned=False)
    words.add("one", 0)
    words.add(" two", 3 * S)
    assert words.heard(2 * S, 4 * S, complete=False) == "one"


def test_captions_are_due_with_their_audio() -> None:
    """Aligned: on arrival. Ahead: not before the words that come first have been said."""
    assert Words(aligned=True).add("one", 7) == 7
    words = Words(aligned=False)
    words.add("x" * int(CHARS_PER_S), 0)
    assert words.add("y", 0) == S


def test_scripts_without_spaces_are_cut_between_letters() -> None:
    """Chinese and Japanese have no spaces to cut at; half of it heard is not nothing heard."""
    words = Words(aligned=False)
    words.add("今日は晴れです", 0)
    assert words.heard(S, 2 * S, complete=True) == "今日は"


@given(
    st.lists(st.text("ab ", min_size=1, max_size=6), max_size=8),
    st.integers(0, 10 * S),
    st.integers(0, 8 * S),
    st.booleans(),
    st.booleans(),
)
def test_heard_is_a_prefix_in_whole_words(
    pieces: list[str], position: int, samples: int, aligned: bool, complete: bool
) -> None:
    """For any deltas and any position: what was heard begins as the text does, and grows with the position."""
    words = spoken(*pieces, aligned=aligned, step=S // 3)
    heard = words.heard(position, samples, complete=complete)
    assert words.text.strip().startswith(heard)
    if not aligned:
        rest = words.text.strip()[len(heard) :]
        assert not heard or not rest or rest[0].isspace()
    assert words.heard(position + 100, samples, complete=complete).startswith(heard)


@pytest.mark.parametrize("aligned", [True, False])
def test_no_words_are_no_words(aligned: bool) -> None:
    """An item without transcript has nothing to be remembered by."""
    assert Words(aligned=aligned).heard(S, S, complete=False) == ""
