"""Twenty conversations, all the time, and nothing grows: `python -m tests.soak`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import errand
from tests.errand import tell
from tests.soak import report
from tests.soak.soak import WARM_UP_S, Plan, Soak
from tests.soak.verdict import goals, rows

ABOUT = """\
Starts the ring and keeps twenty conversations going: each guest comes, speaks, is answered, interrupts now and then by
key or by voice, loses the connection and resumes, hangs up or is gone for ever; and the next one comes. Every ten
seconds it looks at memory, descriptors, threads, tasks, sessions, cancelled gRPC reads, Redis' keys and memory, and at
how long people wait. What grows by more than its tolerance, by medians and by slope, is a leak."""

MORE = f"""\
Before the minutes that are looked at come {WARM_UP_S:g} s of warming up.

examples:
  make soak OUT=soak.json                                    twenty minutes
  make soak OUT=short.json ARGS='--minutes 3'                is anything obvious?
  make soak OUT=soak.json ARGS='--conversations 10 --logs logs'

exit codes: 0 nothing grows and all else is well, 1 something does, or something went wrong, 130 Ctrl-C"""


@dataclass(frozen=True)
class Options:
    """The command line."""

    out: Path
    plan: Plan


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line."""
    usual = Plan()
    parser = argparse.ArgumentParser(
        "python -m tests.soak", description=ABOUT, epilog=MORE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="where to write the figures; a picture goes beside them"
    )
    parser.add_argument("--minutes", type=_number, default=usual.minutes, help=f"(default {usual.minutes:g})")
    parser.add_argument("--conversations", type=_count, default=usual.conversations, help="at a time (default 20)")
    parser.add_argument("--every", type=_number, default=usual.every_s, help="seconds between looks (default 10)")
    parser.add_argument("--seed", type=int, default=usual.seed, help="of the guests' manners (default 1)")
    parser.add_argument("--logs", type=Path, help="keep what the processes print in this folder")
    given = parser.parse_args(arguments)
    if not given.out.resolve().parent.is_dir():
        parser.error(f"--out {given.out}: there is no folder {given.out.resolve().parent}")
    return Options(given.out, Plan(given.minutes, given.conversations, given.every, given.seed, given.logs))


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 1440:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number from 0.1 to 1440")
    return value


def _count(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) <= 200):
        raise argparse.ArgumentTypeError(f"{text!r} must be a number from 1 to 200")
    return int(text)


async def run(options: Options) -> bool:
    """Hold it, tell of it, and return whether all is well."""
    plan = options.plan
    tell(f"{plan.conversations} conversations for {plan.minutes:g} min, after {WARM_UP_S:g} s of warming up.")
    tell(f"Used: {report.USED}.")
    record = await Soak(plan, tell).hold()
    found = rows(record.looks, record.visits, record.began_s)
    left = [*record.left, *(f"{name} crashed" for name in record.crashes)]
    reached = goals(found, record.looks, record.visits, left, plan.conversations)
    tell(f"\n{report.table(found, reached)}\n")
    written = report.document(record, found, reached)
    beside = report.write(options.out, json.dumps(written, indent=1) + "\n", report.picture(record))
    tell(f"{options.out} has the figures, {beside} the curves.")
    return bool(written["met"])


def main() -> int:
    """Run; a fault is told in words, not in a traceback."""
    return errand.run(run(parse()))


if __name__ == "__main__":
    sys.exit(main())
