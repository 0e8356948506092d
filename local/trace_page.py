"""Trace page: turns' traces as a page for the browser, without a script or anything to be fetched."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from local.span_lines import Span, Trace
from local.waterfall import answer_and_interruption, duration, label, what_happened, window

_COLOURS: Final = {
    "vad": "#c98a00",
    "person": "#c98a00",
    "broker": "#3465a4",
    "model": "#7b4fa3",
    "speculation": "#7b4fa3",
    "tool": "#7b4fa3",
    "egress": "#168f8f",
    "client": "#3c8a2e",
    "interrupt": "#c0392b",
}
_STYLE: Final = """\
body{font:14px system-ui,sans-serif;margin:24px;color:#222;background:#fff;max-width:1100px}
h2{font-size:16px;margin:24px 0 2px}p{margin:0 0 8px;color:#666;font-size:12px}
h3{font-size:13px;margin:10px 0 2px;color:#666}
.row{display:flex;align-items:center;height:21px;border-top:1px solid #f0f0f0}
.name{width:190px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.lane{position:relative;flex:1;height:100%;overflow:hidden}
.bar{position:absolute;top:4px;height:13px;border-radius:2px;min-width:2px}
.ms{width:80px;text-align:right;font-variant-numeric:tabular-nums}"""


def page(traces: Iterable[Trace]) -> str:
    """Return it. Hovering over a bar shows what its stage knows."""
    body = "\n".join(line for trace in traces for line in _turn(trace))
    head = f'<meta charset="utf-8"><title>Parley: turns</title><style>{_STYLE}</style>'
    return f"<!doctype html><html lang=en><head>{head}</head><body>\n{body}\n</body></html>\n"


def _turn(trace: Trace) -> Iterator[str]:
    when = datetime.fromtimestamp(trace.start_s).astimezone().isoformat(sep=" ", timespec="seconds")
    yield f"<h2>{html.escape(what_happened(trace))}</h2>"
    yield f"<p>{when} · session {html.escape(trace.session)} · trace {html.escape(trace.trace_id)}</p>"
    for title, spans, start_s in answer_and_interruption(trace):
        if title:
            yield f"<h3>{html.escape(title)}</h3>"
        yield from _rows(spans, start_s)


def _rows(spans: Sequence[Span], start_s: float) -> Iterator[str]:
    whole_s = window(spans, start_s) - start_s
    for span in spans:
        left, right = (100 * (moment - start_s) / whole_s for moment in (span.start_s, span.end_s))
        colour = _COLOURS.get(span.name.partition(".")[0], "#777")
        known = html.escape("\n".join(f"{name} = {value}" for name, value in sorted(span.attributes.items())))
        place = f"left:{left:.3f}%;width:{right - left:.3f}%;background:{colour}"
        bar = f'<div class=bar style="{place}" title="{known}"></div>'
        yield (
            f"<div class=row><div class=name>{html.escape(label(span))}</div>"
            f"<div class=lane>{bar}</div><div class=ms>{duration(span.ms)}</div></div>"
        )
