"""Cutting a text that is still being written, and leaving out of it what can't be said."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.engine.minds.inner_voice import InnerVoice
from services.engine.minds.story import STORY
from services.engine.reader import Reader
from services.engine.sentences import SentenceCutter, WordCutter, sentences


def pieces_of(text: str, cuts: list[int]) -> list[str]:
    """A text in pieces, cut anywhere."""
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[begin:end] for begin, end in pairwise(places)]


CUTS = st.lists(st.integers(0, 500), max_size=8)


@given(st.text(alphabet='ab1.!?…。" \n', max_size=80), CUTS)
def test_it_does_not_matter_how_a_text_comes(text: str, cuts: list[int]) -> None:
    """Sentences and words are the same however the model cuts its text, and join to it."""
    for cutter in (SentenceCutter(), WordCutter()):
        found = [part for piece in pieces_of(text, cuts) for part in cutter.feed(piece)]
        found += cutter.finish()
        assert "".join(found).rstrip() == text.rstrip()
        if isinstance(cutter, SentenceCutter):
            assert found == sentences(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Who paid 3.50. Then he left.", ["Dr. Who paid 3.50.", " Then he left."]),
        ("1. Milk\n2. Bread", ["1. Milk", "\n2. Bread"]),
        ("Eins!\n\nZwei", ["Eins!", "\n\nZwei"]),
        ("今日は。元気？はい", ["今日は。", "元気？", "はい"]),
    ],
)
def test_an_end_is_where_a_speaker_breathes(text: str, expected: list[str]) -> None:
    """Abbreviations, decimals and the numbers of a list are no ends; lines and the marks of other scripts are."""
    assert sentences(text) == expected


def test_a_sentence_without_end_is_cut_at_a_clause() -> None:
    """Speech must not wait for a mark that never comes."""
    clause = "and so on and so forth, " * 20
    first, *_ = SentenceCutter().feed(clause)
    assert len(first) <= 300
    assert first.endswith(",")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("**Sure!** *One* `thing`, __really__ 😀!", "Sure! One thing, really!"),
        ("## A title", "A title"),
        ("- [the page](https://a.example/b)", "the page"),
        ("| a | b |", "a, b"),
        ("|---|---|", ""),
        ("👍", ""),
        ("a<br>b", "ab"),
        ("2 * 3 is 6, and snake_case stays - here.", "2 * 3 is 6, and snake_case stays - here."),
        (" -5 is cold.", " -5 is cold."),
        (" « C'est l'été ; n° 5 »", " « C'est l'été ; n° 5 »"),
    ],
)
def test_markup_is_not_read_aloud(written: str, said: str) -> None:
    """What is for the eye goes, words stay, and plain text is left exactly as it is."""
    assert Reader().read(written) == said


def test_code_is_not_read_aloud() -> None:
    """Nothing between fences is said, over as many sentences as it takes."""
    reader = Reader()
    text = "Like this:\n```python\nprint('x')\nfoo()\n```\nThat is it."
    assert "".join(map(reader.read, sentences(text))).split("\n") == ["Like this:", "That is it."]


def test_the_story_is_read_as_it_stands() -> None:
    """Plain prose passes untouched."""
    reader = Reader()
    assert [reader.read(sentence) for sentence in sentences(STORY)] == sentences(STORY)


@given(CUTS)
def test_thoughts_are_not_spoken(cuts: list[int]) -> None:
    """What stands between the tags is left out wherever the stream is cut, and nothing else is."""
    text = "<think>He <b>asks\n</think>\n\nIt is 5 < 6 <thing>. <THINK>hm</think>Done <"
    inner = InnerVoice()
    said = "".join(inner.feed(piece) for piece in pieces_of(text, cuts)) + inner.finish()
    assert said == "It is 5 < 6 <thing>. Done <"


def test_a_thought_without_end_says_nothing() -> None:
    """A model that only thinks has said nothing."""
    inner = InnerVoice()
    assert inner.feed("<think>on and on") + inner.finish() == ""
