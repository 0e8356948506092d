"""What the demonstration expects: each scene, gone well and gone wrong in each way, judged in plain words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from local.demonstration import SCENES, AwaitReply, Say, check_answer, check_backchannel, check_goodbye, check_stop
from local.timeline import ASSISTANT, PERSON, Speech

ASKED = Speech(PERSON, 0, 1_000, "What time is it?")
TIME = Speech(ASSISTANT, 2_000, 4_000, "It is ten past three.", reply=1)

TOLD = Speech(PERSON, 0, 1_000, "Tell me a long story.")
STORY = Speech(ASSISTANT, 2_000, 6_400, "Once upon a time", reply=2, cut=True)
STOP = Speech(PERSON, 6_000, 6_500, "Stop!")

ORDERED = Speech(PERSON, 0, 1_000, "Count to twenty, please.")
COUNT = Speech(ASSISTANT, 2_000, 12_000, "One, two, three", reply=3, ducks=((5_200, 5_700),))
HUM = Speech(PERSON, 5_000, 5_600, "Mm-hmm.")


def test_a_question_answered_to_the_end_is_well() -> None:
    """The answer of the ring's own engine has to name a time; another model may say what it likes."""
    assert check_answer([ASKED, TIME], exact=True) == []
    assert check_answer([ASKED, replace(TIME, words="I am not sure, sorry.")], exact=False) == []


@pytest.mark.parametrize(
    ("replies", "failure"),
    [
        ([], "the question was not answered"),
        ([replace(TIME, cut=True)], "cut off although nobody interrupted"),
        ([replace(TIME, words="")], "without captions"),
        ([replace(TIME, words="I beg your pardon?")], "names no time: “I beg your pardon?”"),
    ],
)
def test_an_answer_can_go_wrong_in_these_ways(replies: list[Speech], failure: str) -> None:
    """Each has its own words."""
    (told,) = check_answer([ASKED, *replies], exact=True)
    assert failure in told


def test_a_story_that_is_cut_in_time_and_not_taken_up_again_is_well() -> None:
    """It fell silent 400 ms after the onset of "Stop!"."""
    assert check_stop([TOLD, STORY, STOP], exact=True) == []


@pytest.mark.parametrize(
    ("speeches", "failure"),
    [
        ([replace(STORY, end_ms=5_000, cut=False), STOP], "over before “Stop!” was said"),
        ([replace(STORY, end_ms=30_000, cut=False), STOP], "the story went on"),
        ([replace(STORY, end_ms=7_500), STOP], "fell silent 1,500 ms after “Stop!” began"),
        ([STORY, STOP, replace(TIME, start_ms=8_000, end_ms=9_000, words="Okay.")], "“Stop!” was answered: “Okay.”"),
    ],
)
def test_a_stop_can_go_wrong_in_these_ways(speeches: list[Speech], failure: str) -> None:
    """Each has its own words."""
    (told,) = check_stop([TOLD, *speeches], exact=True)
    assert failure in told


def test_a_count_that_goes_on_through_a_hum_is_well() -> None:
    """Lowered for a moment or not at all, it has to be heard for a while after it."""
    assert check_backchannel([ORDERED, COUNT, HUM], exact=True) == []
    assert check_backchannel([ORDERED, replace(COUNT, ducks=()), HUM], exact=True) == []


@pytest.mark.parametrize(
    ("speeches", "failure"),
    [
        ([replace(COUNT, end_ms=4_000), HUM], "over before “Mm-hmm.” was said"),
        ([replace(COUNT, end_ms=5_500, cut=True), HUM], "cut the answer off"),
        ([replace(COUNT, end_ms=5_900), HUM], "right after the “Mm-hmm.”"),
        ([COUNT, HUM, replace(TIME, start_ms=13_000, end_ms=14_000, words="Yes?")], "was answered: “Yes?”"),
    ],
)
def test_a_backchannel_can_go_wrong_in_these_ways(speeches: list[Speech], failure: str) -> None:
    """Each has its own words."""
    (told,) = check_backchannel([ORDERED, *speeches], exact=True)
    assert failure in told


def test_a_goodbye_wants_an_answer() -> None:
    """Said to the end."""
    bye = Speech(ASSISTANT, 2_000, 3_000, "Goodbye!", reply=4)
    assert check_goodbye([ASKED, bye], exact=True) == []
    assert check_goodbye([ASKED], exact=True) == ["the goodbye was not answered"]
    assert "cut off" in check_goodbye([ASKED, replace(bye, cut=True)], exact=True)[0]


def test_every_scene_begins_with_words_and_waits_for_an_answer() -> None:
    """Nothing is checked before it could have happened."""
    for scene in SCENES:
        assert isinstance(scene.moves[0], Say)
        assert isinstance(scene.moves[1], AwaitReply)


def test_what_the_engine_misheard_is_told() -> None:
    """A story about nothing that was asked for is no success; small words and spelling don't matter."""
    misheard = replace(TOLD, understood="delhi on east")
    (told,) = check_stop([misheard, STORY, STOP], exact=True)
    assert told == "“Tell me a long story.” was understood as “delhi on east”"
    assert check_stop([misheard, STORY, STOP], exact=False) == []
    nearly = replace(ORDERED, understood="count to twenty")
    assert check_backchannel([nearly, COUNT, HUM], exact=True) == []
