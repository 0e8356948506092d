"""What the small mind answers."""

from datetime import datetime

import pytest

from services.engine.minds.conversationalist import answer
from services.engine.minds.story import STORY
from services.engine.parts import Line, Speaker

NOW = datetime(2026, 11, 21, 15, 4)


def reply(*turns: str) -> str:
    """The answer to turns that alternate between the user, who has the last word, and the assistant."""
    speakers: list[Speaker] = ["user", "assistant"] if len(turns) % 2 else ["assistant", "user"]
    return answer([Line(speakers[index % 2], text) for index, text in enumerate(turns)], NOW)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("what time is it", "It is 3:04 PM."),
        ("What day is it?", "Today is Saturday, November 21."),
        ("count to ten", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10."),
        ("please count from seven to nine", "7, 8, 9."),
        ("count down from 3", "3, 2, 1, 0."),
        ("what is two plus three", "2 plus 3 is 5."),
        ("what's forty two minus a hundred", "42 minus 100 is minus 58."),
        ("how much is 7 times 8?", "7 times 8 is 56."),
        ("what is seven divided by two", "7 divided by 2 is 3, and 1 is left over."),
        ("what is one divided by zero", "1 divided by 0 is something nobody knows."),
        ("Repeat after me: the quick brown fox.", "the quick brown fox."),
        ("what is your name", "My name is Parley."),
        ("stop", "All right."),
        ("tell me a story", STORY),
    ],
)
def test_knows_a_few_things(said: str, expected: str) -> None:
    """Each thing the engine says it can do, it does."""
    assert reply(said) == expected


def test_says_what_it_heard_when_it_has_no_answer() -> None:
    """Speech it does not understand is quoted, so that a wrong recognition shows."""
    said = reply("the purple elephants are dancing")
    assert "the purple elephants are dancing" in said
    assert "I only know a few things" in said


def test_says_that_it_caught_nothing() -> None:
    """An empty transcript is not an intent."""
    assert reply("  ") == "Sorry, I didn't catch that."


def test_greets_when_nothing_was_said_yet() -> None:
    """A response may be asked for before the person speaks."""
    assert answer([], NOW).startswith("Hello")


def test_repeats_what_was_heard_of_the_last_reply() -> None:
    """Asked to say it again, it repeats the truncated text, not what had been planned."""
    assert reply("tell me a story", "Once upon a time", "say that again") == "Once upon a time"


def test_goes_on_from_the_sentence_that_was_cut() -> None:
    """After an interruption the story continues where the person stopped hearing it."""
    heard = STORY[: STORY.index("with one of Odile's clocks")]
    said = reply("tell me a story", heard, "go on")
    assert said.startswith("All right. Every clock she built")
    assert said.endswith("the end of the story.")


def test_goes_on_twice() -> None:
    """A continuation that is interrupted continues in its turn."""
    first = STORY[:100]
    second = reply("tell me a story", first, "go on")
    heard = second[: second.index("Odile had never mended a tide.") + 10]
    said = reply("tell me a story", first, "go on", heard, "continue")
    assert said.startswith("All right. Odile had never mended a tide.")


def test_goes_on_after_an_aside() -> None:
    """The "All right." that answers "stop" is not what the person wants continued."""
    said = reply("tell me a story", STORY[:100], "stop", "All right.", "go on")
    assert said.startswith("All right. ")
    assert said.endswith("the end of the story.")


def test_goes_on_when_only_the_heard_end_is_known() -> None:
    """A conversation rebuilt without its first turns still continues the story."""
    heard = "poured it a cup of tea from her flask"
    said = answer([Line("assistant", heard), Line("user", "go on")], NOW)
    assert said.startswith("All right. Then she sat down")


def test_has_nothing_to_go_on_with() -> None:
    """A reply that was heard to its end is not said again."""
    assert reply("tell me a story", STORY, "go on") == "That was all of it."
    assert "nothing to continue" in reply("go on")


def test_counting_goes_on_too() -> None:
    """What is continued is whatever was cut, not only the story; a count at its next number."""
    assert reply("count to five", "1, 2,", "go on") == "All right. 3, 4, 5."


def asked_again(asked: str, *said: str) -> str:
    """The answer after the mind has said something to a question, and nobody else anything."""
    return answer([Line("user", asked), *(Line("assistant", text) for text in said)], NOW)


def test_an_answer_that_broke_off_goes_on_in_the_middle_of_the_sentence() -> None:
    """Asked again although nobody has said anything since, it says what is missing, however often it broke off."""
    assert asked_again("count to ten", "1, 2, 3,") == "4, 5, 6, 7, 8, 9, 10."
    assert asked_again("count to five", "1, 2,", "3,") == "4, 5."
    words = STORY.split(" ")
    assert asked_again("tell me a story", " ".join(words[:20])) == " ".join(words[20:])


def test_an_answer_that_is_whole_does_not_go_on() -> None:
    """Nor does one that it would not give."""
    assert asked_again("count to three", "1, 2, 3.") == "I am listening."
    assert asked_again("count to three", "My name is Parley.") == "I am listening."
    assert answer([Line("assistant", "Good morning!")], NOW) == "I am listening."
