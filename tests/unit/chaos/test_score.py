"""Scores of takes that were put together by hand: each kind of harm is seen, counted, and nothing else is."""

from __future__ import annotations

import pytest

from tests.chaos import lines
from tests.chaos.mic_code import Utterance
from tests.chaos.score import NEVER_S, Score, score, waits
from tests.unit.chaos.takes import HZ, Conversation, perfect

USUAL = {lines.QUESTION: 0.7, lines.FAREWELL: 0.7, lines.POEM: 0.7, lines.OBJECTION: 0.7, lines.ERRAND: 0.7}


def harm(found: Score) -> dict[str, object]:
    """What is not as it should be."""
    what = {
        "continued": not found.continued,
        "lost": found.words_lost,
        "repeated": found.words_repeated,
        "again": found.repeated_samples,
        "again_by_model": found.repeated_by_model,
        "skipped": found.skipped_samples,
        "skipped_by_model": found.skipped_by_model,
        "duplicated": found.calls_duplicated,
        "stale": found.stale_samples,
    }
    return {name: value for name, value in what.items() if value}


def test_nothing_is_amiss() -> None:
    """Neither harm nor gap."""
    found = score(perfect().take(struck_s=1.0), USUAL)
    assert harm(found) == {}
    assert found.gap_s == pytest.approx(0, abs=0.001)


def test_the_usual_wait_is_the_median_of_undisturbed_conversations() -> None:
    """For each line its own."""
    usual = waits([perfect(wait_s=wait_s).take() for wait_s in (0.5, 0.9, 0.7)])
    assert usual == {lines.QUESTION: pytest.approx(0.7, abs=0.001), lines.FAREWELL: pytest.approx(0.7, abs=0.001)}


def test_a_longer_wait_is_a_gap_by_what_it_is_longer() -> None:
    """A shorter one is none."""
    assert score(perfect(wait_s=1.5).take(), USUAL).gap_s == pytest.approx(0.8, abs=0.001)
    assert score(perfect(wait_s=0.3).take(), USUAL).gap_s == 0


def test_silence_inside_an_answer_is_a_gap() -> None:
    """Though every sample is heard in the end."""
    conversation = Conversation()
    utterance = conversation.says(lines.QUESTION)
    conversation.waits(0.7)
    conversation.hears(utterance, 0, 12_000)
    conversation.waits(1.25)
    conversation.hears(utterance, 12_000)
    found = score(conversation.take(), USUAL)
    assert harm(found) == {}
    assert found.gap_s == pytest.approx(1.25, abs=0.001)


def test_what_was_over_before_the_fault_is_no_gap() -> None:
    """The first answer took its time, and nobody had done anything yet."""
    conversation = perfect(wait_s=1.5)
    after_first_s = 2.0 + 1.5 + 2.0 + 0.5
    assert len(score(conversation.take(struck_s=after_first_s), USUAL).gaps_s) == 1


def test_an_answer_that_is_never_heard_to_its_end() -> None:
    """The conversation has not gone on, and the gap is the longest that there is."""
    conversation = Conversation()
    conversation.hears(conversation.says(lines.QUESTION), 0, 20_000)
    found = score(conversation.take(), USUAL)
    assert not found.continued
    assert found.why_not == "utterance 1 was not answered whole: 0.83 of 2 s were heard"
    assert found.gap_s == NEVER_S


def test_an_answer_that_breaks_off_in_its_last_word_has_come_to_its_end() -> None:
    """A model that is asked to go on has nothing more to say; what is missing is counted."""
    conversation = Conversation()
    utterance = conversation.says(lines.QUESTION)
    conversation.hears(utterance, 0, 43_000)
    take = conversation.take()
    assert not score(take, USUAL).continued
    take.continued_by_model = {utterance}
    assert harm(score(take, USUAL)) == {"skipped_by_model": 5_000}


def test_a_conversation_that_ended() -> None:
    """The reason is kept."""
    found = score(perfect().take(why_not="the server ended the conversation"), USUAL)
    assert (found.continued, found.why_not) == (False, "the server ended the conversation")


def test_words_that_stand_in_no_turn_are_lost_and_those_that_stand_in_two_repeated() -> None:
    """Each is named, with its place."""
    conversation = Conversation()
    conversation.hears(conversation.says(lines.QUESTION, heard=[*range(5), *range(6, 20)], again=2))
    found = score(conversation.take(), USUAL)
    assert found.words_lost == ("quite (1.6)",)
    assert found.words_repeated == ("i (1.1)", "have (1.2)")


def test_words_that_were_not_said_are_not_lost() -> None:
    """The conversation ended in the middle of them."""
    conversation = Conversation()
    conversation.says(lines.QUESTION, seconds=4.0, heard=[])
    del conversation.speaker[2 * HZ :]
    assert score(conversation.take(), USUAL).words_lost == ()


def test_samples_heard_twice_are_repeated() -> None:
    """As many as there are."""
    conversation = Conversation()
    utterance = conversation.says(lines.QUESTION)
    conversation.hears(utterance, 0, 12_000)
    conversation.hears(utterance, 9_600)
    assert harm(score(conversation.take(), USUAL)) == {"again": 2_400}


def test_samples_never_heard_are_skipped() -> None:
    """In the middle of an answer."""
    conversation = Conversation()
    utterance = conversation.says(lines.QUESTION)
    conversation.hears(utterance, 0, 12_000)
    conversation.hears(utterance, 14_400)
    assert harm(score(conversation.take(), USUAL)) == {"skipped": 2_400}


def test_what_a_model_was_asked_to_go_on_with_is_counted_apart() -> None:
    """Whether it begins too early or too late is the model's memory's doing, no buffer's."""
    conversation = Conversation()
    utterance = conversation.says(lines.QUESTION)
    conversation.hears(utterance, 0, 13_000)
    conversation.hears(utterance, 12_000, 24_000)
    conversation.hears(utterance, 30_000)
    take = conversation.take()
    take.continued_by_model = {utterance}
    assert harm(score(take, USUAL)) == {"again_by_model": 1_000, "skipped_by_model": 6_000}


@pytest.mark.parametrize(("heard", "counted"), [(6_000, "again_by_model"), (6_240, "again")])
def test_an_answer_that_broke_off_in_its_first_word_begins_anew(heard: int, counted: str) -> None:
    """A word is told whole or not at all, so there is nothing to go on from; beyond it there is."""
    conversation = Conversation()
    utterance = conversation.says(lines.QUESTION)
    conversation.hears(utterance, 0, heard)
    conversation.waits(0.7)
    conversation.hears(utterance)
    take = conversation.take()
    assert harm(score(take, USUAL)) == {"again": heard}
    take.begun_anew = {utterance}
    assert harm(score(take, USUAL)) == {counted: heard}


def interrupted(stale: int = 0, hole: int = 0) -> Conversation:
    """A poem that is cut off after two seconds, and the answer to the objection."""
    conversation = Conversation()
    poem = conversation.says(lines.POEM)
    conversation.waits(0.7)
    conversation.hears(poem, 0, 24_000)
    conversation.hears(poem, 24_000 + hole, 48_000)
    objection = conversation.says(lines.OBJECTION)
    conversation.falls_silent()
    conversation.waits(0.1)
    conversation.hears(poem, 48_000, 48_000 + stale)
    conversation.waits(0.6)
    conversation.hears(objection)
    return conversation


def test_an_answer_that_was_cut_off_need_not_be_heard_to_its_end() -> None:
    """What is missing of it in the middle is missed."""
    assert harm(score(interrupted().take(), USUAL)) == {}
    assert harm(score(interrupted(hole=480).take(), USUAL)) == {"skipped": 480}


def test_what_is_heard_of_a_dead_answer_is_stale() -> None:
    """Every sample."""
    found = harm(score(interrupted(stale=960).take(), USUAL))
    assert found == {"stale": 960}


def test_an_answer_to_half_an_utterance_is_another_one() -> None:
    """The person has gone on, it was flushed, and all of it is answered: nothing is repeated, nothing stale."""
    conversation = Conversation()
    utterance = conversation.says(lines.QUESTION)
    conversation.hears(utterance, 0, 6_000, words=7)
    conversation.falls_silent()
    conversation.waits(0.7)
    conversation.hears(utterance)
    found = score(conversation.take(), USUAL)
    assert harm(found) == {}
    assert found.premature_samples == 6_000
    conversation.hears(utterance, 6_000, 7_000, words=7)
    assert score(conversation.take(), USUAL).stale_samples == 1_000


def test_half_an_utterance_may_be_all_that_was_answered() -> None:
    """Then its answer is the answer: the words that nobody answered are lost, the conversation is not."""
    conversation = Conversation()
    utterance = conversation.says(lines.QUESTION, heard=range(19))
    conversation.hears(utterance, words=19)
    found = score(conversation.take(), USUAL)
    assert harm(found) == {"lost": ("winter (1.20)",)}
    assert found.premature_samples == 0


def test_tool_calls() -> None:
    """One for each errand, however often it is asked for under its key; another key is a duplicate, or a stranger."""
    conversation = Conversation()
    conversation.hears(conversation.says(lines.ERRAND))
    once = score(conversation.take(looked_up=[1], requests=3), USUAL)
    assert (once.calls, once.calls_duplicated, once.calls_asked_again) == (1, 0, 2)
    assert score(conversation.take(looked_up=[1, 1]), USUAL).calls_duplicated == 1
    assert score(conversation.take(looked_up=[1, 7]), USUAL).calls_duplicated == 1


def test_other_peoples_words_are_not_mine() -> None:
    """A word of another conversation in this one's history is neither lost nor found here."""
    conversation = perfect()
    conversation.remembered.append("weather_6_4_1_4 weather_6_4_1_4")
    found = score(conversation.take(), USUAL)
    assert found.words_lost == ()
    assert found.words_repeated == ("weather (1.5)",), "and it should not be there"
    assert Utterance(6, 4, 1) not in {spoken.utterance for spoken in conversation.spoken}
