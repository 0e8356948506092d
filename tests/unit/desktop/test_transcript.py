"""What was said appears in plain words, once, and whole."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from clients.desktop import events
from clients.desktop.events import Activity, Moment, Who
from clients.desktop.failures import UsageError
from clients.desktop.transcript import Transcript, open_transcript

AT = Moment(0.0, 0, 0)


class Terminal(io.StringIO):
    """A screen on which a line can grow."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def caption(who: Who, text: str, *, final: bool = False, interrupted: bool = False) -> events.Caption:
    """Return words."""
    return events.Caption(AT, who, text, final, interrupted, 1, 0, 1)


TALK = [
    caption(Who.USER, "What time", final=False),
    caption(Who.USER, "What time is it?", final=True),
    events.State(AT, Activity.SPEAKING, 1),
    caption(Who.ASSISTANT, "It is"),
    caption(Who.ASSISTANT, " five o'clock and"),
    caption(Who.ASSISTANT, "It is five o'clock", final=True, interrupted=True),
    caption(Who.ASSISTANT, "  ", final=True),
    events.Draining(AT, 30),
    events.Reconnecting(AT, "one:7700 is going away"),
    events.Resumed(AT, 340, 0),
    events.Resumed(AT, 12_340, 2_300),
    events.Notice(AT, "echo_unstamped", "echo can't be cancelled:\nstamp the frames."),
    events.Notice(AT, "code 99", ""),
    events.Closed(AT, "Nobody has said\nanything.", "silence"),
]


def test_file_and_pipe_get_whole_lines_only() -> None:
    """What is no terminal gets each line once, as it stands in history."""
    screen, file = io.StringIO(), io.StringIO()
    transcript = Transcript(screen, file, show_state=True)
    for event in TALK:
        transcript.feed(event)
    assert screen.getvalue() == file.getvalue()
    assert screen.getvalue().splitlines() == [
        "You: What time is it?",
        "Parley: It is five o'clock (cut off)",
        "(The server is going away in 30 s.)",
        "(Connecting again: one:7700 is going away.)",
        "(Connected again after 0.3 s.)",
        "(Connected again after 12.3 s. 2.3 s of your words are lost.)",
        "(The server says: echo can't be cancelled: stamp the frames.)",
        "(The server says: code 99)",
        "(Parley has hung up: Nobody has said anything.)",
    ]


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("client", ""),
        ("fault", ""),
        ("draining", ""),
        ("unspecified", ""),
        ("operator", "(Parley has hung up: Bye.)\n"),
        ("code 99", "(Parley has hung up: Bye.)\n"),
    ],
)
def test_the_last_words_are_shown_where_they_are_news(code: str, shown: str) -> None:
    """Not to who has hung up, nor where a failure or the server's going away was told already."""
    screen = io.StringIO()
    Transcript(screen).feed(events.Closed(AT, "Bye.", code))
    assert screen.getvalue() == shown


def test_terminal_shows_the_line_as_it_grows() -> None:
    """On a terminal the words come as they are spoken and are replaced by the final line."""
    screen = Terminal()
    transcript = Transcript(screen, show_state=True)
    for event in TALK:
        transcript.feed(event)
    shown = screen.getvalue().split("\r\x1b[K")
    assert "[speaking]" in shown
    assert "Parley: It is five o'clock and" in shown
    assert "Parley: It is five o'clock (cut off)\n" in shown


def test_what_is_wrong_with_the_sound_is_a_line() -> None:
    """Also that it is over."""
    screen = io.StringIO()
    transcript = Transcript(screen)
    for words in ("The microphone is gone: plug one in.", ""):
        transcript.feed(events.SoundTrouble(AT, words))
    assert screen.getvalue() == "(The microphone is gone: plug one in.)\n(The sound is as it was chosen again.)\n"


def test_transcript_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A folder that is not there is one line."""
    with pytest.raises(UsageError, match="Cannot write"):
        open_transcript(tmp_path / "missing" / "out.txt")
