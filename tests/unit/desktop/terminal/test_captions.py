"""Captions become lines: heard, to come, and struck out."""

from __future__ import annotations

import pytest

from clients.desktop import events
from clients.desktop.events import Moment, Who
from clients.desktop.terminal.captions import MOST_LINES, Captions, Ink, rest_of, text_of

AT = Moment(0.0, 0, 0)


def said(text: str, position: int, reply: int = 1, turn: int = 1) -> events.Caption:
    """A piece of the assistant's line."""
    return events.Caption(AT, Who.ASSISTANT, text, False, False, reply, position, turn)


def whole(text: str, reply: int = 1, turn: int = 1, *, interrupted: bool = False) -> events.Caption:
    """The assistant's line as it was heard."""
    return events.Caption(AT, Who.ASSISTANT, text, True, interrupted, reply, 0, turn)


def person(text: str, turn: int = 1, *, final: bool = True) -> events.Caption:
    """The person's words."""
    return events.Caption(AT, Who.USER, text, final, False, 0, 0, turn)


def inks(captions: Captions, line: int = -1) -> list[tuple[str, Ink]]:
    """Return a line's pieces."""
    return [(piece.text, piece.ink) for piece in captions.lines[line].pieces]


def test_words_are_to_come_until_the_speaker_has_reached_them() -> None:
    """Each piece turns plain when the playhead passes its position."""
    captions = Captions()
    for text, position in (("Once", 0), (" upon", 7_000), (" a time", 14_000)):
        captions.feed(said(text, position))
    assert inks(captions) == [("Once upon a time", Ink.COMING)]
    captions.hear(1, 7_001)
    assert inks(captions) == [("Once upon", Ink.PLAIN), (" a time", Ink.COMING)]
    captions.feed(whole("Once upon a time"))
    assert inks(captions)[-1] == (" a time", Ink.COMING), "its last word comes before its last sample"
    captions.hear(1, 20_000)
    assert inks(captions) == [("Once upon a time", Ink.PLAIN)]


def test_the_unheard_part_of_an_interrupted_reply_is_struck_out() -> None:
    """The last caption says what was heard; what was announced beyond it never was."""
    captions = Captions()
    for text, position in (("Once", 0), (" upon", 7_000), (" a", 14_000), (" time, in", 15_000)):
        captions.feed(said(text, position))
    captions.flushed(1)
    captions.feed(said(" a village", 30_000))
    captions.feed(whole("Once upon", interrupted=True))
    assert inks(captions) == [("Once upon", Ink.PLAIN), (" a time, in", Ink.UNHEARD)]
    assert captions.lines[-1].cut_off


def test_a_reply_of_which_nothing_was_heard_is_struck_out_whole() -> None:
    """A final line without words leaves only what was never heard."""
    captions = Captions()
    captions.feed(said("Well, then", 0))
    captions.feed(whole("", interrupted=True))
    assert inks(captions) == [("Well, then", Ink.UNHEARD)]


@pytest.mark.parametrize(
    ("announced", "heard", "rest"),
    [
        ("Once upon a time", "Once upon", " a time"),
        ("Hello! What can I do?", "Hello", " What can I do?"),
        ("Hello!", "Hello", ""),
        ("Hello  there,  you", "Hello there", "  you"),
        ("Half past", "Half past", ""),
        ("One two", "Eins zwei", ""),
        ("One", "One two", ""),
        ("One two", "", "One two"),
        ("It is 10,5 now", "It is 10", "5 now"),
    ],
)
def test_what_is_left_of_a_line(announced: str, heard: str, rest: str) -> None:
    """Spaces and marks may differ; a line that was told otherwise has no rest, so that no heard word is struck out."""
    assert rest_of(announced, heard) == rest


def test_the_persons_words_grow_and_then_stand() -> None:
    """Live words may still change; the whole line takes their place, told again it grows."""
    captions = Captions()
    captions.feed(person(" What", final=False))
    captions.feed(person(" time", final=False))
    assert inks(captions) == [("What time", Ink.COMING)]
    captions.feed(person("What time is it?"))
    assert inks(captions) == [("What time is it?", Ink.PLAIN)]
    captions.feed(person("What time is it? In Rome?"))
    captions.feed(person("I mean."))
    assert inks(captions) == [("What time is it? In Rome? I mean.", Ink.PLAIN)]
    assert len(captions.lines) == 1


def test_a_question_written_down_late_stands_before_its_answer() -> None:
    """The order is that of the conversation, not that of the recogniser."""
    captions = Captions()
    captions.feed(person("First."))
    captions.feed(said("Answer one", 0))
    captions.feed(said("Answer two", 0, reply=2, turn=2))
    captions.feed(person("Second.", turn=2))
    assert [text_of(line.pieces) for line in captions.lines] == ["First.", "Answer one", "Second.", "Answer two"]


def test_a_later_reply_that_is_heard_means_the_one_before_is_over() -> None:
    """Replies never play at once."""
    captions = Captions()
    captions.feed(said("One", 0))
    captions.feed(said("Two", 0, reply=2))
    captions.hear(2, 1)
    assert [line.pieces[0].ink for line in captions.lines] == [Ink.PLAIN, Ink.PLAIN]


def test_old_lines_go() -> None:
    """A conversation of hours does not fill the memory."""
    captions = Captions()
    for turn in range(1, MOST_LINES + 10):
        captions.feed(person("Yes.", turn=turn))
    assert len(captions.lines) == MOST_LINES
