"""A conversation drawn for a terminal: two lanes to scale, what was said, and where the time went.

Pure: speeches in, text out, at most 100 columns wide.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from local.timeline import ASSISTANT, PERSON, Speech, letters

COLUMNS: Final = 100


@dataclass(frozen=True)
class Style:
    """The characters of the picture."""

    speaking: str
    ducked: str
    cut: str
    tick: str
    bullet: str
    quotes: str


UNICODE: Final = Style("█", "▒", "✂", "│", "·", "“”")
ASCII: Final = Style("#", "~", "X", "|", "-", '""')

_LABEL: Final = 8
_MS_PER_COLUMN: Final = 250.0
_ROW_COLUMNS: Final = 80
_ROW_MS: Final = _ROW_COLUMNS * _MS_PER_COLUMN
_TICK_MS: Final = 5_000.0
_UNEXPLAINED_MS: Final = 5.0
_STAGE_WORDS: Final = {
    "vad.endpoint": "end of turn",
    "broker.commit": "commit",
    "model.first_audio": "model",
    "egress.first_frame": "egress",
    "client.first_sample": "client",
}


def style_for(encoding: str | None) -> Style:
    """Return the prettiest style that an output with this encoding can show."""
    try:
        "".join((UNICODE.speaking, UNICODE.ducked, UNICODE.cut, UNICODE.quotes)).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def draw(speeches: Sequence[Speech], style: Style = UNICODE) -> str:
    """Return the picture, 20 s a row, 250 ms a column, each row with what was said in it; at most 100 columns."""
    if not speeches:
        return "Nobody said anything.\n"
    lines: list[str] = []
    rows = int(max(speech.end_ms for speech in speeches) // _ROW_MS) + 1
    for row in range(rows):
        begin = row * _ROW_MS
        lines += _ruler(begin, style)
        lines += [_lane(PERSON, begin, speeches, style), _lane(ASSISTANT, begin, speeches, style)]
        numbered = [(n, s) for n, s in enumerate(speeches, 1) if begin <= s.start_ms < begin + _ROW_MS]
        lines.append(_marks(begin, numbered))
        for number, speech in numbered:
            lines += _entry(number, speech, speeches, style)
        lines.append("")
    lines.append(f"{style.speaking} speaking   {style.ducked} lowered   {style.cut} cut off")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _column(ms: float, begin: float) -> int:
    return int((ms - begin) // _MS_PER_COLUMN)


def _ruler(begin: float, style: Style) -> list[str]:
    step = int(_TICK_MS / _MS_PER_COLUMN)
    ticks = range(0, _ROW_COLUMNS, step)
    labels = "".join(f"{_clock(begin + tick * _MS_PER_COLUMN):<{step}}" for tick in ticks)
    return [" " * _LABEL + labels, " " * _LABEL + f"{style.tick:<{step}}" * len(ticks)]


def _lane(who: str, begin: float, speeches: Sequence[Speech], style: Style) -> str:
    lane = [" "] * _ROW_COLUMNS
    for speech in speeches:
        if speech.who == who:
            _paint(lane, begin, speech.start_ms, speech.end_ms, style.speaking)
            for start, end in speech.ducks:
                _paint(lane, begin, start, end, style.ducked)
            if speech.cut:
                # In the last column that sounded, so that the length of the bar stays true.
                last = max(speech.start_ms, speech.end_ms - 1)
                _paint(lane, begin, last, last + 1, style.cut)
    return f"{who:<{_LABEL}}" + "".join(lane)


def _paint(lane: list[str], begin: float, start_ms: float, end_ms: float, mark: str) -> None:
    """Fill the columns that a stretch touches: a short one still shows."""
    first = max(0, _column(start_ms, begin))
    last = min(len(lane) - 1, _column(max(start_ms, end_ms - 1), begin))
    for column in range(first, last + 1):
        lane[column] = mark


def _marks(begin: float, numbered: Iterable[tuple[int, Speech]]) -> str:
    marks = ""
    for number, speech in numbered:
        column = max(_column(speech.start_ms, begin), len(marks) + bool(marks))
        marks = f"{marks:<{column}}{number}"
    return " " * _LABEL + marks


def _entry(number: int, speech: Speech, speeches: Sequence[Speech], style: Style) -> list[str]:
    head = f"{number:>3}  {_clock(speech.start_ms, tenths=True):>6}  {speech.who:<{_LABEL}}"
    words = f"{style.quotes[0]}{speech.words}{style.quotes[1]}" if speech.words else "(no words known)"
    words += " (cut off)" if speech.cut else ""
    lines = textwrap.wrap(words, COLUMNS, initial_indent=head, subsequent_indent=" " * len(head)) or [head]
    bullet = " " * len(head) + f"{style.bullet} "
    for remark in _remarks(speech, speeches):
        lines += textwrap.wrap(remark, COLUMNS, initial_indent=bullet, subsequent_indent=" " * len(bullet))
    return lines


def _remarks(speech: Speech, speeches: Sequence[Speech]) -> list[str]:
    """Say what the picture cannot: milliseconds, and what was misheard."""
    if speech.who == ASSISTANT:
        asked = [other.end_ms for other in speeches if other.who == PERSON and other.end_ms <= speech.start_ms]
        return [_answering(speech.start_ms - max(asked), speech.stages)] if asked and speech.stages else []
    misheard = speech.understood and letters(speech.understood) != letters(speech.words)
    remarks = [f"understood as: {speech.understood}"] if misheard else []
    return remarks + [_yielding(speech, other) for other in speeches if other.reply and other.overlaps(speech)]


def _answering(measured_ms: float, stages: Sequence[tuple[str, float]]) -> str:
    """Say how long the answer took by the client's clock, what each stage says it took, and what nobody claims."""
    parts = [f"{_STAGE_WORDS.get(name, name)} {ms:,.0f}" for name, ms in stages]
    rest_ms = measured_ms - sum(ms for _, ms in stages)
    parts += [f"unexplained {rest_ms:,.0f}"] if abs(rest_ms) >= _UNEXPLAINED_MS else []
    return f"{measured_ms:,.0f} ms from the last word to the first sound: {', '.join(parts)}"


def _yielding(speech: Speech, over: Speech) -> str:
    """Say what the assistant did about being spoken over."""
    lowered = next((start for start, end in over.ducks if end > speech.start_ms), None)
    parts = [] if lowered is None else [f"lowered after {max(0.0, lowered - speech.start_ms):,.0f} ms"]
    if over.cut:
        parts.append(f"silent after {over.end_ms - speech.start_ms:,.0f} ms")
    else:
        back = next((end for start, end in over.ducks if end > speech.start_ms), None)
        parts += [] if back is None else [f"at full level again after {back - speech.start_ms:,.0f} ms"]
        parts.append("went on")
    return f"{ASSISTANT} spoke: " + ", ".join(parts)


def _clock(ms: float, *, tenths: bool = False) -> str:
    minutes, seconds = divmod(int(ms // 100) / 10 if tenths else int(ms // 1000), 60)
    return f"{int(minutes)}:{seconds:04.1f}" if tenths else f"{int(minutes)}:{int(seconds):02d}"
