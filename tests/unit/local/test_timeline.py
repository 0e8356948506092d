"""The timeline: scripted events on one side, the text that a person reads on the other."""

from __future__ import annotations

from local.picture import ASCII, COLUMNS, UNICODE, draw, style_for
from local.timeline import (
    ASSISTANT,
    PERSON,
    Captioned,
    Ducked,
    Event,
    Measured,
    PersonSpoke,
    Released,
    ReplyBegan,
    ReplyOver,
    Speech,
    Understood,
    follow,
)

STAGES = (("vad.endpoint", 320.0), ("broker.commit", 4.0), ("model.first_audio", 560.4), ("queue", 3.0))
SCRIPT: list[Event] = [
    PersonSpoke(500, 1_400, "What time is it?"),
    Understood(1_900, "what time is it"),
    Measured(1, STAGES),
    ReplyBegan(2_300, 1),
    Captioned(1, "It is"),
    Captioned(1, "It is ten past three."),
    ReplyOver(4_100, 1, cut=False),
    PersonSpoke(5_000, 6_200, "Tell me a long story."),
    ReplyBegan(7_250, 2),
    PersonSpoke(10_500, 11_000, "Stop!"),
    Ducked(10_690),
    ReplyOver(10_920, 2, cut=True),
    Understood(11_300, "Top"),
    Captioned(2, "Once upon a time"),
    PersonSpoke(14_000, 15_000, "Count to twenty."),
    ReplyBegan(16_000, 3),
    PersonSpoke(18_900, 19_500, "Mm-hmm."),
    Ducked(19_100),
    Released(19_600),
    ReplyOver(26_000, 3, cut=False),
    Captioned(3, "One, two, three, " + "and so on, " * 12 + "twenty."),
]

GOLDEN = """\
        0:00                0:05                0:10                0:15
        │                   │                   │                   │
you       ████              █████                 ██            ████               ███
Parley           ████████            █████████████▒✂                    ████████████▒▒▒█
          1      2          3        4            5             6       7          8
  1  0:00.5  you     “What time is it?”
  2  0:02.3  Parley  “It is ten past three.”
                     · 900 ms from the last word to the first sound: end of turn 320, commit 4,
                       model 560, queue 3, unexplained 13
  3  0:05.0  you     “Tell me a long story.”
  4  0:07.2  Parley  “Once upon a time” (cut off)
  5  0:10.5  you     “Stop!”
                     · understood as: Top
                     · Parley spoke: lowered after 190 ms, silent after 420 ms
  6  0:14.0  you     “Count to twenty.”
  7  0:16.0  Parley  “One, two, three, and so on, and so on, and so on, and so on, and so on, and so
                     on, and so on, and so on, and so on, and so on, and so on, and so on, twenty.”
  8  0:18.9  you     “Mm-hmm.”
                     · Parley spoke: lowered after 200 ms, at full level again after 700 ms, went on

        0:20                0:25                0:30                0:35
        │                   │                   │                   │
you
Parley  ████████████████████████


█ speaking   ▒ lowered   ✂ cut off
"""


def test_a_whole_conversation_is_drawn_as_written_down_here() -> None:
    """Two lanes to scale, what was lowered, cut or went on, the words, and the milliseconds."""
    assert draw(follow(SCRIPT)) == GOLDEN


def test_the_picture_fits_its_columns_and_can_do_without_unicode() -> None:
    """No line is wider than 100 columns, in either style, and the plain style is ASCII if the words are."""
    for style in (UNICODE, ASCII):
        assert max(map(len, draw(follow(SCRIPT), style).splitlines())) <= COLUMNS
    assert draw(follow(SCRIPT), ASCII).isascii()


def test_the_style_follows_what_the_output_can_show() -> None:
    """A terminal in Latin-1, and one that does not say, get plain characters."""
    assert style_for("utf-8") is UNICODE
    assert style_for("latin-1") is ASCII
    assert style_for("no such encoding") is ASCII
    assert style_for(None) is ASCII


def test_a_reply_that_is_still_going_on_lasts_as_long_as_is_known() -> None:
    """A conversation that broke off is shown up to its last event."""
    speeches = follow([ReplyBegan(1_000, 1), Ducked(2_000), PersonSpoke(1_900, 2_500, "Hey")])
    assert speeches[0] == Speech(ASSISTANT, 1_000, 2_500, reply=1, ducks=((2_000, 2_500),))
    assert speeches[1].who == PERSON


def test_ducks_count_only_for_the_reply_that_was_heard_during_them() -> None:
    """A duck between replies lowers nothing; a second duck in a row does not begin anew."""
    speeches = follow(
        [
            ReplyBegan(0, 1),
            ReplyOver(1_000, 1, cut=False),
            Ducked(1_200),
            Ducked(1_300),
            ReplyBegan(1_500, 2),
            Released(1_600),
            ReplyOver(2_000, 2, cut=False),
        ]
    )
    assert [speech.ducks for speech in speeches] == [(), ((1_500, 1_600),)]


def test_an_end_without_a_beginning_is_no_speech() -> None:
    """A reply that was cut before its first sample was heard leaves no trace in the picture."""
    assert follow([ReplyOver(500, 4, cut=True), Captioned(4, "unheard")]) == []
    assert draw([]) == "Nobody said anything.\n"


def test_a_duck_without_a_verdict_is_drawn_for_as_long_as_it_lasted() -> None:
    """The client undoes such a duck by itself after 800 ms, and nobody tells."""
    (speech,) = follow([ReplyBegan(0, 1), Ducked(1_000), ReplyOver(5_000, 1, cut=False)])
    assert speech.ducks == ((1_000, 1_800),)


def test_a_reply_ends_once() -> None:
    """A flush that comes after the last sample cuts nothing any more."""
    (speech,) = follow([ReplyBegan(0, 1), ReplyOver(1_000, 1, cut=False), ReplyOver(1_500, 1, cut=True)])
    assert (speech.end_ms, speech.cut) == (1_000, False)
