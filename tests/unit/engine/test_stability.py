"""Which words of a growing hypothesis are given as certain."""

from hypothesis import given
from hypothesis import strategies as st

from services.engine.listening.stability import StableWords


def test_a_word_is_given_once_it_has_stood() -> None:
    """A word counts after its patience, and only with another behind it."""
    words = StableWords(patience_ms=300)
    assert words.feed(["what"], 100) == []
    assert words.feed(["what", "time"], 200) == []
    assert words.feed(["what", "time"], 400) == ["what"]
    assert words.feed(["what", "time", "is"], 600) == ["what", "time"]


def test_a_word_that_changes_starts_again() -> None:
    """What the decoder thinks better of is not given, nor what stands behind it, until that has stood too."""
    words = StableWords(patience_ms=300)
    words.feed(["duly", "are"], 0)
    assert words.feed(["tell", "are", "a"], 350) == []
    assert words.feed(["tell", "are", "a"], 650) == ["tell", "are"]


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=4), max_size=12))
def test_nothing_is_taken_back(hypotheses: list[list[str]]) -> None:
    """Whatever the decoder does, what was given stays a prefix of all that is given later."""
    words = StableWords(patience_ms=200)
    before: list[str] = []
    for step, hypothesis in enumerate(hypotheses):
        now = words.feed(hypothesis, 100 * step)
        assert now[: len(before)] == before
        before = now
