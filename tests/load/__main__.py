"""What the ring costs: `make bench OUT=figures.json`, or `python -m tests.load`."""

from __future__ import annotations

import argparse
import pstats
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests import errand
from tests.errand import tell
from tests.load import report
from tests.load.bench import Bench, Plan
from tests.load.load_process import LoadError
from tests.load.talk import TalkPlan

PROFILED: Final = ("ingress", "vad", "broker", "egress")
QUICK_TALK: Final = TalkPlan(steps=((1, 8.0),), engine_turns=2)
_PROFILE_ROWS: Final = 30

ABOUT = """\
Starts the ring on this machine before a cheap fake model, holds 1, 5, 10 and 20 spoken conversations with
interruptions through its WebSocket door, and measures what the ring adds, what it costs, and how many
conversations one core can hold. Then it starts a ring with its own engine, and measures how long people wait for an
answer, and where the time goes. Prints a table and writes the figures as JSON."""

MORE = """\
docs/performance.md says exactly how each figure is measured. It takes about six minutes, and the machine should
have nothing else to do: the last line of the table shows what other programs used.

examples:
  make bench OUT=figures.json
  make bench OUT=figures.json DATA=folder               recorded people instead of a synthesiser
  make bench OUT=quick.json ARGS=--quick                a minute: does it work?
  make bench OUT=talk.json ARGS=--only-talk             a minute and a half: only how long people wait
  make bench OUT=p.json ARGS='--profile ingress'        where ingress spends its time, at 10 conversations

exit codes: 0 all went well, 1 something was lost or went wrong (lines say what), 130 Ctrl-C"""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        "python -m tests.load", description=ABOUT, epilog=MORE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="where to write the figures")
    parser.add_argument("--sessions", type=_counts, help="how many conversations at once (default 1,5,10,20)")
    parser.add_argument("--seconds", type=_seconds, help="how long each is measured (default 30)")
    parser.add_argument("--search-seconds", type=_seconds, default=15.0, help="the same, in the search (default 15)")
    parser.add_argument("--no-search", dest="search", action="store_false", help="don't look for the limit of one core")
    parser.add_argument(
        "--data", type=Path, help="a folder of recorded people (default: a synthesiser; for the talk, the bench's own)"
    )
    talk = parser.add_mutually_exclusive_group()
    talk.add_argument("--no-talk", dest="talk", action="store_false", help="don't hold the talk with the engine")
    talk.add_argument("--only-talk", action="store_true", help="hold nothing else")
    parser.add_argument(
        "--synthetic-talk", action="store_true", help="let a synthesiser ask what the engine understands"
    )
    parser.add_argument("--buffer-ms", type=int, default=60, help="what the clients want ahead (default 60)")
    parser.add_argument("--quick", action="store_true", help="2 conversations for 6 s, a short talk, no search")
    parser.add_argument("--profile", choices=PROFILED, help="run this service under cProfile, at 10 conversations")
    parser.add_argument("--logs", type=Path, help="keep what the services print in this folder")
    options = parser.parse_args(arguments)
    if not options.out.resolve().parent.is_dir():
        parser.error(f"--out {options.out}: there is no folder {options.out.resolve().parent}")
    return options


def _counts(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isdecimal() and 0 < int(part) <= 1000 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} must be numbers from 1 to 1000, separated by commas")
    return sorted({int(part) for part in parts})


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of seconds from 1 to 3600")
    return seconds


def plan(options: argparse.Namespace) -> Plan:
    """Return what the command line asks for."""
    short = options.quick or options.profile
    sessions = [2] if options.quick else [10] if options.profile else [1, 5, 10, 20]
    talk = QUICK_TALK if options.quick else TalkPlan()
    return Plan(
        sessions=[] if options.only_talk else options.sessions or sessions,
        seconds=options.seconds or (6.0 if options.quick else 30.0),
        search_s=options.search_seconds if options.search and not (short or options.only_talk) else 0.0,
        buffer_ms=options.buffer_ms,
        data=options.data,
        logs=options.logs,
        profiled=options.profile or "",
        profile=options.out.with_suffix(f".{options.profile}.prof") if options.profile else None,
        talk=replace(talk, synthetic=options.synthetic_talk) if options.talk and not options.profile else None,
    )


async def measure(options: argparse.Namespace) -> bool:
    """Measure, show, save; say whether all went well."""
    wanted = plan(options)
    found = await Bench(wanted, tell).run()
    report.save(found, options.out)
    tell(f"\n{report.table(found)}\n\nWritten to {options.out}.")
    if wanted.profile is not None and wanted.profile.exists():
        tell(f"\nWhere {wanted.profiled} spent its time ({wanted.profile}):\n")
        pstats.Stats(str(wanted.profile)).sort_stats("tottime").print_stats(_PROFILE_ROWS)
    for problem in found["problems"]:
        print(f"WARNING: {problem}", file=sys.stderr)
    if found["problems"] and options.logs is None:
        print("With --logs FOLDER what the services print is kept.", file=sys.stderr)
    return not found["problems"]


def main() -> int:
    """Run; a fault is told in words, not in a traceback."""
    options = parse()
    if sys.platform != "linux":
        print("make bench needs Linux: it reads costs from /proc and binds processes to cores.", file=sys.stderr)
        return errand.EXIT_FAILED
    return errand.run(measure(options), LoadError)


if __name__ == "__main__":
    sys.exit(main())
