"""The picture as rows of text with styles, for a wide terminal or a narrow one. No Textual here.

A style is a word that the shell has a colour for. What a colour says, the words say too: there may be none.
"""

from __future__ import annotations

from ..events import Who
from .bar import bar, loudness
from .captions import Ink, Line
from .flow import Flow
from .view import View

Row = list[tuple[str, str]]
"""(text, style)"""

NARROW_COLUMNS = 64
NAMES = {Who.USER: "You", Who.ASSISTANT: "Parley"}
NAME_STYLES = {Who.USER: "you", Who.ASSISTANT: "parley"}
INKS = {Ink.PLAIN: "", Ink.COMING: "coming", Ink.UNHEARD: "unheard"}
FLOWS = {
    Flow.GOOD: ("good", "fine"),
    Flow.UNSTEADY: ("unsteady", "warning"),
    Flow.BAD: ("bad", "bad"),
    Flow.AWAY: ("away", "bad"),
}
KEYS = (
    ("space", "talk"),
    ("m", "mute"),
    ("esc", "stop"),
    ("d", "sound"),
    ("r", "report"),
    ("?", "keys"),
    ("q", "leave"),
)
KEYS_WHEN_OVER = (("enter", "call again"), ("r", "report"), ("?", "keys"), ("q", "leave"))


def top(view: View, place: str, columns: int) -> Row:
    """Return whose turn it is, and on the right whom one talks to where there is room, and that it records."""
    left = f" {view.standing.mark} {view.standing.words}"
    right = " ● recording " if view.is_recording else " "
    if columns >= NARROW_COLUMNS and len(left) + len(place) + len(right) + 2 <= columns:
        right = f"{place}{right}"
    gap = " " * max(1, columns - len(left) - len(right))
    return [(left, "standing"), (f"{gap}{right}".rstrip() if len(left) > columns else f"{gap}{right}", "place")]


def caption(line: Line) -> Row:
    """Return a line of captions, its speaker's name before it."""
    row: Row = [(f"{NAMES[line.who]}: ", NAME_STYLES[line.who])]
    row += [(piece.text, INKS[piece.ink]) for piece in line.pieces]
    return [*row, (" (cut off)", "coming")] if line.cut_off else row


def levels(view: View, columns: int) -> list[Row]:
    """Return the meters: in one row where there is room, else in two."""
    mic, speaker = ("muted" in view.standing.words.lower()), view.levels.speaker_db
    mic_name = "mic" if not mic else "mute"
    if columns < NARROW_COLUMNS:
        width = max(4, columns - 24)
        echo = f" {view.echo}" if len(view.echo) < columns - width - 11 else ""
        first = [*_meter(mic_name, view.levels.mic_db, width), (echo, "coming")]
        return [first, _meter("out", speaker, width)]
    width = (columns - 30 - len(view.echo)) // 2
    row = [*_meter(mic_name, view.levels.mic_db, width), (f" {view.echo}   ", "coming")]
    return [[*row, *_meter("out", speaker, width)]]


def _meter(name: str, level_db: float, width: int) -> Row:
    return [
        (f" {name:4} ", "label"),
        (bar(level_db, width), loudness(level_db)),
        (f" {max(level_db, -96):4.0f}", "label"),
    ]


def latency(view: View, columns: int) -> Row:
    """Return where the last turn's time went."""
    if view.latency is None:
        return [(" no turn yet", "coming")]
    return [(f" {view.latency.words(narrow=columns < NARROW_COLUMNS)}", "")]


def connection(view: View, columns: int) -> Row:
    """Return how the connection is."""
    word, style = FLOWS[view.connection.flow]
    name = " link " if columns < NARROW_COLUMNS else " connection "
    words = f", {view.connection.words}" if view.connection.words else ""
    return [(name, "label"), (word, style), (words, "coming")]


def keys(view: View, columns: int, *, is_over: bool) -> Row:
    """Return what the keys do, as many as there is room for; ? has them all."""
    row: Row = []
    room = columns - 1
    for key, does in KEYS_WHEN_OVER if is_over else KEYS:
        words = f" {key} ", f"{does} "
        if key in ("?", "q") or room - sum(map(len, words)) >= len(" ? keys  q leave "):
            row += [(words[0], "key"), (words[1], "label")]
            room -= sum(map(len, words))
    return row


def text_of(row: Row) -> str:
    """Return a row without its styles."""
    return "".join(text for text, _ in row)
