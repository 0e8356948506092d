"""`make trace`: the last turns of the ring on this machine, stage by stage, in the terminal."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from local.span_lines import FOLDER, Trace, files, read
from local.trace_page import page
from local.waterfall import Style, draw

TURNS = 3
EXIT_NOTHING = 1

ABOUT = """\
Shows where the time of the last turns went: a bar for each stage, from the end of the person's speech to the first
sound of the answer; and if it was interrupted, from the first sound over it to silence."""

MORE = """\
`make run` and `make talk` leave the traces in run/traces. A turn's own line comes ten seconds after the last of it.
The bars of one turn have one scale; what goes on beyond the picture ends in an arrow. docs/observing.md says what each
stage is, and how to have the same in Jaeger.

examples:
  make trace                            the last three turns
  make trace ARGS='-n 20 --slowest'     of the last twenty, the slowest answer first
  make trace ARGS='-n 1 --why'          the last turn, with what each stage knows: why vad thought it was over
  make trace ARGS='--session s-1'       one conversation's
  make trace ARGS='--page turns.html'   as a page for the browser

exit codes: 0 something was shown, 1 there is nothing to show"""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        "make trace", description=ABOUT, epilog=MORE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", "--turns", type=_count, metavar="N", default=TURNS, help=f"how many turns ({TURNS})")
    parser.add_argument("--slowest", action="store_true", help="the slowest answer first, instead of the newest last")
    parser.add_argument("--why", action="store_true", help="what each stage knows, beside how long it took")
    parser.add_argument("--session", metavar="ID", default="", help="only this conversation; its first letters will do")
    parser.add_argument("--folder", type=Path, default=Path("run"), help="the folder of the run (run)")
    parser.add_argument("--width", type=_count, metavar="N", help="columns (the terminal's)")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write a page for the browser instead")
    parser.add_argument("--plain", action="store_true", help="no colours, and only characters that every terminal has")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 10000")
    return int(text)


def chosen(traces: Sequence[Trace], options: argparse.Namespace) -> list[Trace]:
    """Return the traces that are asked for, in the order in which they are shown."""
    of_session = [trace for trace in traces if trace.session.startswith(options.session)]
    newest: list[Trace] = of_session[-options.turns :]
    return sorted(newest, key=lambda trace: -(trace.answered_ms or 0.0)) if options.slowest else newest


def style_of(options: argparse.Namespace) -> Style:
    """Return how it is drawn here: colours only on a terminal, and where NO_COLOR does not forbid them."""
    is_plain = options.plain or not (sys.stdout.encoding or "").lower().startswith("utf")
    has_colour = sys.stdout.isatty() and not is_plain and not os.environ.get("NO_COLOR")
    width = options.width or shutil.get_terminal_size((100, 24)).columns
    return Style(width=width, has_colour=has_colour, is_plain=is_plain, tells_attributes=options.why)


def main(arguments: Sequence[str] | None = None) -> int:
    """Show them."""
    options = parse(arguments)
    traces = chosen(read(files(options.folder)), options)
    if not traces:
        whose = f" of session {options.session}" if options.session else ""
        print(
            f"There are no traces{whose} in {options.folder / FOLDER}. Hold a conversation first: make run",
            file=sys.stderr,
        )
        return EXIT_NOTHING
    if options.page is not None:
        return _write(options.page, traces)
    try:
        for number, trace in enumerate(traces):
            print("\n" * bool(number) + "\n".join(draw(trace, style_of(options))), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads any more: end quietly
    return 0


def _write(path: Path, traces: Sequence[Trace]) -> int:
    try:
        path.write_text(page(traces), encoding="utf-8")
    except OSError as fault:
        print(f"{path} can't be written: {fault.strerror}", file=sys.stderr)
        return EXIT_NOTHING
    print(f"{path} has {len(traces)} turns; open it in a browser")
    return 0


if __name__ == "__main__":
    sys.exit(main())
