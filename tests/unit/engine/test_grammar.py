"""The grammars of the recogniser and the belief in what they find."""

import pytest

from services.engine.listening.grammar import BRIEF, REQUESTS, sentences_of
from services.engine.listening.plausibility import phone_distance, plausibility

STOP = ["S", "T", "AA", "P"]


@pytest.mark.parametrize(
    ("said", "is_brief", "is_request"),
    [
        ("stop", True, True),
        ("what time is it", True, True),
        ("tell me a long story please", False, True),
        ("what is twenty three plus a hundred", False, True),
        ("go on with", False, False),
        ("what is twenty three plus", False, False),
        ("", False, False),
    ],
)
def test_whole_sentences_only(said: str, is_brief: bool, is_request: bool) -> None:
    """The start of a phrase, which a decoder gives when nothing fits, is told from a phrase."""
    assert bool(sentences_of(BRIEF).fullmatch(f"{said} ")) is is_brief
    assert bool(sentences_of(REQUESTS).fullmatch(f"{said} ")) is is_request


def test_distance_knows_kin() -> None:
    """A voiced consonant for its voiceless kin costs less than another; the length does not matter."""
    assert phone_distance(STOP, STOP) == 0
    assert phone_distance(STOP, ["Z", "D", "AA", "B"]) == pytest.approx(0.3)
    assert phone_distance(STOP, []) == 1
    assert phone_distance([], []) == 0


def test_a_phrase_that_sounds_otherwise_is_not_believed() -> None:
    """A request found in other speech is refused, one that sounds like what was heard is taken."""
    story = ["T", "EH", "L", "M", "IY", "AH", "S", "T", "AO", "R", "IY"]
    garbled = ["T", "EH", "L", "M", "IY", "S", "AO", "R", "IY"]
    other = ["DH", "AH", "W", "EH", "DH", "ER", "IH", "N", "L", "AH", "N", "D", "AH", "N"]
    assert plausibility(story, garbled, -3.5) > 0
    assert plausibility(story, other, -3.5) < 0


def test_stop_is_believed_sooner() -> None:
    """A short "stop" of which the other decoder heard nothing is obeyed."""
    assert plausibility(STOP, [], -3.0, is_stop=True) > 0


def test_agreement_counts() -> None:
    """A long phrase both grammars found is believed although the other decoder heard it badly."""
    story = ["T", "EH", "L", "M", "IY", "AH", "S", "T", "AO", "R", "IY"]
    garbled = ["Y", "UW", "S", "T", "OW", "L", "R", "IY", "F"]
    assert plausibility(story, garbled, -4.7) < plausibility(story, garbled, -4.7, agreed=True)
