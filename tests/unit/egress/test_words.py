"""Words: each is said once, in time; given again it is taken once; and a new listener hears what the last may not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from parley.v1 import conversation_service_pb2 as client
from services.egress.words import Words
from tests.unit.egress.sounds import words


def captions(*texts: str, step: int = 100) -> list[client.Caption]:
    """Return words, a hundred samples apart."""
    return [words(1, index * step, text) for index, text in enumerate(texts)]


def filled(*texts: str) -> Words:
    """Return them, given."""
    line = Words()
    for caption in captions(*texts):
        line.add(caption)
    return line


def said(line: Words, heard: float, sent: int = 0) -> str:
    """Say what is due."""
    return "".join(caption.text for caption in line.say(heard, sent))


def test_each_is_said_when_it_is_heard_and_once() -> None:
    """In order; what is said is kept."""
    line = filled("a", "b", "c")
    assert said(line, 150) == "ab"
    assert said(line, 150) == ""
    assert line.next is not None
    assert line.next.text == "c"
    assert said(line, 1e9) == "c"
    assert line.next is None
    assert [caption.text for caption in line.given] == ["a", "b", "c"]


@given(st.lists(st.sampled_from("xyz"), max_size=8), st.integers(0, 8), st.lists(st.sampled_from("xyz"), max_size=4))
def test_what_is_given_again_is_taken_once(first: list[str], again_from: int, then: list[str]) -> None:
    """From the beginning or from anywhere; and the same words twice in one line are two."""
    line = Words()
    one = [words(1, 0, text) for text in first]  # all at one position, as where a transcript runs ahead
    for caption in one:
        assert line.add(caption)
    line.expect_again()
    repeated = one[again_from:] if len(set(first)) == len(first) else one
    for caption in repeated:
        assert not line.add(caption)
    for text in then:
        assert line.add(words(1, 50, text)), "behind what was repeated all is new, also the same words twice"
    assert [caption.text for caption in line.given] == first + then


def test_a_last_line_is_not_a_piece_of_it() -> None:
    """They may have the same words at the same place."""
    line = filled("yes")
    line.expect_again()
    assert line.add(words(1, 0, "yes", final=True))
    assert len(line.given) == 2


def test_a_new_listener_hears_again_what_the_last_one_may_have_missed() -> None:
    """Words go the way of the samples: who has got the later samples has got them. What was never said still is."""
    line = filled("a", "b", "c", "d")
    assert said(line, 50, sent=100) == "a"
    assert said(line, 150, sent=200) == "b"
    assert said(line, 250, sent=300) == "c"
    line.say_again(250)
    assert said(line, 250, sent=350) == "c"
    line.say_again(200)
    assert said(line, 1e9, sent=400) == "bcd"
    line.say_again(401)
    assert said(line, 1e9) == ""
    line.say_again(0)
    assert said(line, 1e9) == "abcd"


def test_what_another_egress_said_is_left_out() -> None:
    """Whether it comes before or after that is known; a listener that wants more after all gets it."""
    line = filled("a", "b")
    line.skip(150)
    line.add(words(1, 120, "c"))
    line.add(words(1, 200, "d"))
    assert said(line, 1e9, sent=300) == "d"
    line.say_again(100)
    assert said(line, 1e9) == "bcd"
