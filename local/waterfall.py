"""Waterfall: one turn's trace as bars of text: the way to its answer, and if it was interrupted, the way to silence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from local.span_lines import Span, Trace
from services.common import names

INTERRUPTION: Final = (
    names.VAD_DUCK,
    names.VAD_RELEASE,
    names.INTERRUPT_DETECT,
    names.INTERRUPT_FANOUT,
    names.EGRESS_FLUSH,
    names.CLIENT_SILENT,
    names.BROKER_TRUNCATE,
)
_OPEN_ENDED: Final = (names.CLIENT_PLAYOUT, names.MODEL_RESPONSE, names.LATE)
"""What lasts so much longer than the way to it that nothing else would be seen: it goes out of the picture."""
_COLOURS: Final = {"vad": 33, "person": 33, "broker": 34, "model": 35, "speculation": 35, "tool": 35, "egress": 36}
_COLOURS_OF_CLIENTS: Final = {"client": 32, "interrupt": 31}
_MARGIN: Final = 0.04
"""So much more is shown of what goes out of the picture."""
_NAME_WIDTH: Final = 24
_MS_WIDTH: Final = 10
_LEAST: Final = 10
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True)
class Style:
    """How it is drawn: `width` in columns; `is_plain`: only characters that every terminal has."""

    width: int = 100
    has_colour: bool = False
    is_plain: bool = False
    tells_attributes: bool = False

    def coloured(self, text: str, colour: int) -> str:
        """Return it in a colour, if there are any."""
        return f"\x1b[{colour}m{text}\x1b[0m" if self.has_colour else text


def draw(trace: Trace, style: Style) -> Iterator[str]:
    """Return the lines."""
    yield style.coloured(_headline(trace, style), 1)
    for title, spans, start_s in answer_and_interruption(trace):
        if title:
            yield style.coloured(f"  {title}", 2)
        yield from _rows(spans, start_s, style)


def answer_and_interruption(trace: Trace) -> Iterator[tuple[str, list[Span], float]]:
    """Return both parts of a trace, where they are there: a title, the spans, and when its time begins."""
    answer = [span for span in trace.spans if span.name not in INTERRUPTION]
    cut = [span for span in trace.spans if span.name in INTERRUPTION]
    if answer:
        yield "", answer, trace.start_s
    if cut:
        yield "speech over the reply", cut, min(span.start_s for span in cut)


def window(spans: Sequence[Span], start_s: float) -> float:
    """Return until when a part is shown: what lasts longer than the way to the answer goes out of the picture."""
    closed = [span.end_s for span in spans if span.name not in _OPEN_ENDED] or [max(span.end_s for span in spans)]
    end_s = max(*closed, start_s + 0.001)
    return end_s + _MARGIN * (end_s - start_s) if any(span.end_s > end_s for span in spans) else end_s


def what_happened(trace: Trace) -> str:
    """Return it in a few words."""
    what = f"turn {trace.turn}" if trace.turn else "said of its own accord"
    waited = f"first sound after {trace.answered_ms:.0f} ms" if trace.answered_ms is not None else "nothing was heard"
    return f"{what}: {waited}" if trace.root is not None else f"{what}, not over yet: {waited}"


def _headline(trace: Trace, style: Style) -> str:
    when = datetime.fromtimestamp(trace.start_s).astimezone().strftime("%H:%M:%S")
    dot = "-" if style.is_plain else "·"
    return f"{what_happened(trace)} {dot} {when} {dot} session {trace.session} {dot} trace {trace.trace_id}"


def _rows(spans: Sequence[Span], start_s: float, style: Style) -> Iterator[str]:
    whole_s = window(spans, start_s) - start_s
    columns = max(style.width - _NAME_WIDTH - _MS_WIDTH - 4, _LEAST)
    for span in spans:
        bar = _bar((span.start_s - start_s) / whole_s, (span.end_s - start_s) / whole_s, columns, style)
        name = f"{label(span)[:_NAME_WIDTH]:<{_NAME_WIDTH}}"
        yield f"  {name} {style.coloured(bar, _colour(span))} {duration(span.ms):>{_MS_WIDTH - 1}}"
        if style.tells_attributes:
            yield from (f"      {style.coloured(line, 2)}" for line in _told(span))


def _bar(start: float, end: float, columns: int, style: Style) -> str:
    """Return a bar over this part of the whole; what begins or ends outside of it is cut, and says so."""
    first, last = max(start, 0.0) * columns, min(max(end, 0.0), 1.0) * columns
    if first >= columns:
        return " " * (columns - 1) + (">" if style.is_plain else "▸")
    left = min(int(first), columns - 1)
    if style.is_plain:
        drawn = "#" * max(math.ceil(last) - left, 1)
    else:
        eighths = max(round((last - left) * 8), 1)
        drawn = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
    text = (" " * left + drawn)[:columns].ljust(columns)
    return text[:-1] + (">" if style.is_plain else "▸") if end > 1.001 else text


def label(span: Span) -> str:
    """Return what a span is called, with its stage or its tool."""
    stage = span.attributes.get("parley.stage") or span.attributes.get("parley.tool.name")
    return f"{span.name} {stage}" if stage else span.name


def _colour(span: Span) -> int:
    first = span.name.partition(".")[0]
    return (_COLOURS | _COLOURS_OF_CLIENTS).get(first, 37)


def duration(ms: float) -> str:
    """Return it with its unit."""
    return f"{ms / 1000:.1f} s" if ms >= 10_000 else f"{ms:.0f} ms" if ms >= 10 else f"{ms:.1f} ms"


def _told(span: Span) -> Iterator[str]:
    hidden = (names.CONVERSATION_ID, "parley.turn")
    for name, value in sorted(span.attributes.items()):
        if name not in hidden:
            yield f"{name.removeprefix('parley.')} = {_value(value)}"


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
