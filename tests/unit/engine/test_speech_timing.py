"""Splitting replies, timing words, cutting deltas."""

from hypothesis import given
from hypothesis import strategies as st

from services.engine.delivery import cut
from services.engine.sentences import sentences
from services.engine.speech import Utterance, Word, time_words


@given(st.text(alphabet='ab.!?…" \n', max_size=80))
def test_sentences_join_to_the_text(text: str) -> None:
    """Splitting loses nothing but space at the end, so that transcripts join to what was meant."""
    assert "".join(sentences(text)).rstrip() == text.rstrip()


def test_sentences_end_at_their_marks() -> None:
    """Each sentence can be spoken on its own; closing quotes stay with it."""
    assert sentences('Good. "Is it?" She left.') == ["Good.", ' "Is it?"', " She left."]


def test_words_keep_their_space_and_punctuation() -> None:
    """A transcript delta is a word as it is to be shown."""
    words = time_words("Well, it is.", [(0, 0), (6, 4800), (9, 9600)])
    assert words == [Word("Well,", 0), Word(" it", 4800), Word(" is.", 9600)]


def test_words_without_timing_join_the_one_before() -> None:
    """A dash is not spoken, and "of the" is spoken as one: both are shown with the word before."""
    words = time_words("one — of the", [(0, 0), (6, 2400)])
    assert words == [Word("one —", 0), Word(" of the", 2400)]


def test_digits_of_a_number_are_one_word() -> None:
    """The voice says a number in several parts; it is shown when the first begins."""
    words = time_words("at 12,345 now", [(0, 0), (3, 100), (4, 200), (6, 300), (10, 400)])
    assert words == [Word("at", 0), Word(" 12,345", 100), Word(" now", 400)]


def test_a_delta_begins_where_a_word_begins() -> None:
    """The audio before a word's piece is as long as the word's start says, and no piece exceeds 200 ms."""
    words = [Word("one", 0), Word(" two", 7000), Word(" three", 7100)]
    utterance = Utterance(bytes(2 * 20_000), words)
    before = 0
    starts = []
    for piece in cut(utterance):
        if piece.word:
            starts.append(Word(piece.word, before))
        assert len(piece.pcm) <= 2 * 4800
        before += len(piece.pcm) // 2
    assert starts == words
    assert before == utterance.samples
