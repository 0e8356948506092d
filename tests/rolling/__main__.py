"""Every service restarted under twenty conversations: `python -m tests.rolling`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests import errand
from tests.chaos.blueprint import RING
from tests.chaos.person import GivenUp
from tests.chaos.setting import open_setting
from tests.errand import tell
from tests.rolling.rolling import PATIENT, Outcome, roll

ABOUT = """\
Starts two copies of every service and lets twenty people talk, half by gRPC and half by WebSocket. Then every copy of
every service is stopped by SIGTERM and started again, one after the other, as a roll-out does it. After each restart
everybody has another exchange. None may be lost: each answer is heard to its last sample, and each conversation ends
with a goodbye."""

MORE = """\
examples:
  make rolling OUT=rolling.json
  make rolling OUT=short.json ARGS='--conversations 4'

exit codes: 0 none was lost, 1 some were, or something went wrong, 130 Ctrl-C"""


@dataclass(frozen=True)
class Options:
    """The command line."""

    out: Path
    conversations: int
    patience_s: float
    logs: Path | None


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        "python -m tests.rolling", description=ABOUT, epilog=MORE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="where to write the figures")
    parser.add_argument(
        "--conversations", type=int, choices=range(1, 101), metavar="N", default=20, help="(default 20)"
    )
    parser.add_argument("--patience", type=float, default=30.0, help="seconds an answer may take (default 30)")
    parser.add_argument("--logs", type=Path, help="keep what the processes print in this folder")
    given = parser.parse_args(arguments)
    if not given.out.resolve().parent.is_dir():
        parser.error(f"--out {given.out}: there is no folder {given.out.resolve().parent}")
    return Options(given.out, given.conversations, given.patience, given.logs)


async def run(options: Options) -> bool:
    """Hold it, tell of it, and return whether none was lost."""
    tell(f"{options.conversations} conversations; every copy of {', '.join(RING)} is restarted.")
    began_s = time.monotonic()
    async with open_setting(net=False, logs=options.logs, env=PATIENT) as setting:
        names = [name for service in RING for name in setting.cluster.names(service)]
        outcome = await roll(
            setting, options.conversations, names, patience_s=options.patience_s, notice=lambda text: tell(f"  {text}")
        )
    well = not outcome.lost and not outcome.crashes
    figures = _figures(outcome, time.monotonic() - began_s) | {"met": well}
    options.out.write_text(json.dumps(figures, indent=1) + "\n")
    tell(f"{len(outcome.lost)} of {len(outcome.talks)} conversations lost. {options.out} has the figures.")
    for talk in outcome.lost:
        tell(f"  conversation {talk.number}, after {talk.exchanges} exchanges: {talk.lost}")
    return well


def _figures(outcome: Outcome, took_s: float) -> dict[str, object]:
    return asdict(outcome) | {"lost": len(outcome.lost), "took_s": round(took_s, 1)}


def main() -> int:
    """Run; a fault is told in words, not in a traceback."""
    return errand.run(run(parse()), GivenUp)


if __name__ == "__main__":
    sys.exit(main())
