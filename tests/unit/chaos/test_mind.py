"""What the scripted model answers, by what it remembers."""

from __future__ import annotations

import json

from services.broker.questions import CONTINUE
from tests.chaos import lines
from tests.chaos.lines import LINES
from tests.chaos.mic_code import Utterance
from tests.chaos.mind import NOTHING, TOOL, WORD_SAMPLES, Answer, answer_samples, answer_to, track_of
from tests.chaos.wording import Heard, WordSaid, answer_word, answered_in, words_of, written
from tests.fakes.position_code import track_pcm
from tests.fakes.realtime import Call, Remembered, Reply


def asked(line: int, number: int) -> Remembered:
    """A turn of the person."""
    utterance = Utterance(line, 17, number)
    return Remembered("user", " ".join(written(WordSaid(utterance, n)) for n in range(len(words_of(line)))))


def told(line: int, number: int, words: int) -> Remembered:
    """The first words of the answer to a turn."""
    return Remembered("assistant", " ".join(answer_word(Heard(Utterance(line, 17, number)), n) for n in range(words)))


def answer(*memory: Remembered, instructions: str = "") -> Answer:
    """What it says."""
    given: Reply = answer_to(memory, instructions)
    assert isinstance(given, Answer)
    return given


def test_the_last_turn_is_answered_from_the_beginning() -> None:
    """In its own words, on its own track."""
    given = answer(asked(lines.GREETING, 1), told(lines.GREETING, 1, 5), asked(lines.FAREWELL, 2))
    utterance = Utterance(lines.FAREWELL, 17, 2)
    assert (given.heard, given.first_word) == (Heard(utterance), 0)
    assert [word.place for word in answered_in(given.text)] == list(range(LINES[lines.FAREWELL].answer_words))
    assert given.pcm(99, 240, 480) == track_pcm(track_of(Heard(utterance)), 240, 480)
    assert given.seconds * 24_000 == answer_samples(utterance)


def test_whoever_remembers_an_answer_goes_on_with_it() -> None:
    """From the word after the last that it was told, at the sample where that stands."""
    given = answer(asked(lines.POEM, 2), told(lines.POEM, 2, 18), instructions=f"Be kind.\n{CONTINUE}")
    utterance = Utterance(lines.POEM, 17, 2)
    assert (given.heard, given.first_word, given.continues) == (Heard(utterance), 18, True)
    assert answered_in(given.text)[0].place == 18
    assert given.pcm(1, 64, 0) == track_pcm(track_of(Heard(utterance)), 64, 18 * WORD_SAMPLES)


def test_an_answer_that_was_told_whole_has_no_rest() -> None:
    """Nothing is said again."""
    given = answer(asked(lines.GREETING, 1), told(lines.GREETING, 1, 5), instructions=CONTINUE)
    assert given.output == ()
    assert given.continues


def test_an_errand_is_run_before_it_is_answered() -> None:
    """Once: with the result in mind it answers."""
    question = asked(lines.ERRAND, 4)
    given = answer(question)
    assert given.output is not None
    (call,) = given.output
    assert isinstance(call, Call)
    assert (call.name, json.loads(call.arguments)) == (TOOL, {"conversation": 17, "utterance": 4})
    made, result = Remembered("call", call.arguments), Remembered("output", "found")
    assert answer(question, made, result).text.startswith(answer_word(Heard(Utterance(lines.ERRAND, 17, 4)), 0))
    assert answer(question, made, result, asked(lines.ERRAND, 5)).output is not None


def test_of_a_turn_with_several_utterances_the_last_is_answered() -> None:
    """The person has gone on."""
    both = Remembered("user", f"{asked(lines.RIDDLE, 2).text} {asked(lines.QUESTION, 3).text}")
    assert answer(both).heard == Heard(Utterance(lines.QUESTION, 17, 3))


def test_half_an_utterance_has_an_answer_of_its_own() -> None:
    """Whoever goes on with it goes on with that one; when the rest comes, in another turn, all of it is answered."""
    words = asked(lines.QUESTION, 2).text.split()
    begun, rest = Remembered("user", " ".join(words[:7])), Remembered("user", " ".join(words[7:]))
    half = Heard(Utterance(lines.QUESTION, 17, 2), 7)
    given = answer(begun)
    assert given.heard == half
    told_half = Remembered("assistant", " ".join(given.text.split()[:3]))
    going_on = answer(begun, told_half, instructions=CONTINUE)
    assert (going_on.heard, going_on.first_word) == (half, 3)
    assert answer(begun, told_half, rest).heard == Heard(Utterance(lines.QUESTION, 17, 2))


def test_somebody_who_was_not_understood_is_answered_by_silence() -> None:
    """A turn without a whole word, and no turn at all."""
    assert answer_to([Remembered("user", "")], "") is NOTHING
    assert answer_to([], "") is NOTHING
