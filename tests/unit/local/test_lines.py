"""How what processes print becomes lines, is kept, and is shown."""

from __future__ import annotations

import io
from pathlib import Path

from local.child import Backoff
from local.lines import LINES_KEPT, Journal, LineSplitter, PrefixedLines


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_lines_come_whole_however_the_bytes_are_cut() -> None:
    """A line split over reads is one line, and a multi-byte character split over reads stays itself."""
    splitter = LineSplitter()
    data = "één\r\ntwee\n".encode()
    lines = [line for index in range(len(data)) for line in splitter.feed(data[index : index + 1])]
    assert lines == ["één", "twee"]
    assert splitter.finish() == []


def test_a_last_line_without_an_end_is_not_lost() -> None:
    """The dying words of a process often have no newline."""
    splitter = LineSplitter()
    assert splitter.feed(b"Traceback") == []
    assert splitter.finish() == ["Traceback"]


def test_an_endless_line_does_not_fill_the_memory() -> None:
    """A process that never ends its line is cut at 64 KiB."""
    splitter = LineSplitter()
    lines = [line for _ in range(3) for line in splitter.feed(b"x" * 40_000)]
    assert [len(line) for line in lines] == [80_000]


def test_the_journal_keeps_the_last_lines_in_memory_and_all_of_them_on_disk(tmp_path: Path) -> None:
    """What a test asks for is bounded; what a person looks up afterwards is complete."""
    journal = Journal(tmp_path / "logs")
    for number in range(LINES_KEPT + 5):
        journal.write("vad", f"line {number}")
    journal.close()
    assert journal.lines("vad")[0] == "line 5"
    assert journal.lines("nobody") == []
    assert (tmp_path / "logs" / "vad.log").read_text().count("\n") == LINES_KEPT + 5


def test_prefixes_are_aligned_and_plain_where_there_is_no_terminal() -> None:
    """A log piped into a file has no escape codes."""
    out = io.StringIO()
    show = PrefixedLines(["vad", "ingress"], out)
    show("vad", "hears")
    show("ingress", "opens")
    assert out.getvalue() == "vad     | hears\ningress | opens\n"


def test_a_terminal_sees_each_name_in_its_own_colour() -> None:
    """Colour tells the services apart at a glance."""
    out = Terminal()
    show = PrefixedLines(["vad", "ingress"], out)
    show("vad", "hears")
    show("ingress", "opens")
    assert out.getvalue() == "\033[36mvad     |\033[0m hears\n\033[33mingress |\033[0m opens\n"


def test_the_first_death_is_healed_at_once_and_repeated_ones_ever_slower() -> None:
    """One crash costs no wait; a program that cannot live is not started in a tight loop; living a minute forgives."""
    backoff = Backoff()
    assert [backoff.after(1) for _ in range(8)] == [0, 0.25, 0.5, 1, 2, 4, 5, 5]
    assert backoff.after(60) == 0
    assert backoff.after(1) == 0.25
