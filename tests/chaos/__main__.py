"""What conversations suffer when parts of the ring die, freeze and are cut off: `python -m tests.chaos`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests import errand
from tests.chaos.chaos import Chaos, Options
from tests.chaos.cluster import FAULTS
from tests.chaos.matrix import STAGES
from tests.chaos.storm import StormPlan
from tests.net.pod import PodFault

ABOUT = """\
Starts the ring with two copies of every service, holds conversations through its doors with the real client, and
strikes: each stage (ingress, vad, broker, egress, model, redis) is killed, frozen for 5 s, cut off for 5 s and put on a
slow wire, while a person speaks, while the model thinks, while the assistant speaks, while it is being interrupted, and
while a tool runs. Prints a table, writes the figures as JSON, and holds them against the goals."""

MORE = """\
docs/resilience.md says what each figure means. The network's faults need Linux and root.

examples:
  make chaos OUT=chaos.json                              every cell once, kills five times: 20 minutes
  make chaos OUT=vad.json ARGS='--only vad'              one stage
  make chaos OUT=one.json ARGS='--only broker:kill'      one fault
  make chaos OUT=short.json ARGS=--short                 every two of stage, fault and moment: two and a half minutes
  make chaos OUT=storm.json ARGS=--storm                 ten minutes in which a process chosen at random dies every 2 s

exit codes: 0 every goal is met, 1 one is missed, or something went wrong (lines say what), 130 Ctrl-C"""

STORM: Final = StormPlan()


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        "python -m tests.chaos", description=ABOUT, epilog=MORE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="where to write the figures")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--only", type=_cell, metavar="STAGE[:FAULT]", help="strike nothing else")
    form.add_argument("--short", action="store_true", help="the pairwise form")
    form.add_argument("--storm", action="store_true", help="kill at random instead")
    parser.add_argument("--repeat", type=_count, metavar="N", help="how often each kill is tried (default 5)")
    parser.add_argument("--seconds", type=float, default=STORM.seconds, help="how long the storm lasts (default 600)")
    parser.add_argument("--conversations", type=_count, default=STORM.conversations, help="in the storm (default 10)")
    parser.add_argument("--seed", type=int, default=STORM.seed, help="of the storm's dice (default 1)")
    parser.add_argument("--no-net", dest="net", action="store_false", help="leave the network's faults out")
    parser.add_argument("--logs", type=Path, help="keep what the processes print in this folder")
    given = parser.parse_args(arguments)
    if not given.out.resolve().parent.is_dir():
        parser.error(f"--out {given.out}: there is no folder {given.out.resolve().parent}")
    storm = StormPlan(given.seconds, STORM.every_s, given.conversations, given.seed) if given.storm else None
    return Options(given.out, given.only, given.short, storm, given.repeat, given.net, given.logs)


def _cell(text: str) -> tuple[str, str]:
    stage, _, fault = text.partition(":")
    if stage not in STAGES or fault not in ("", *FAULTS):
        raise argparse.ArgumentTypeError(
            f"{text!r} must be one of {', '.join(STAGES)}, with :{', :'.join(FAULTS)} or not"
        )
    return stage, fault


def _count(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) <= 100):
        raise argparse.ArgumentTypeError(f"{text!r} must be a number from 1 to 100")
    return int(text)


def main() -> int:
    """Run; a fault is told in words, not in a traceback."""
    return errand.run(Chaos(parse(), errand.tell).run(), PodFault)


if __name__ == "__main__":
    sys.exit(main())
