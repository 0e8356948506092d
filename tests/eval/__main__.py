"""How good the ear is: `make eval DATA=folder OUT=figures.json`, or `python -m tests.eval`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Final

from services.common.errors import SettingsFault
from tests.eval import pictures, report
from tests.eval.evaluation import PARTS, Evaluation
from tests.eval.folder import DataError, Folder, read_folder
from tests.eval.scene import Setting
from tests.eval.synthetic import build
from tests.eval.table import table
from tests.eval.work import Crew

EXIT_FAILED: Final = 1
EXIT_BAD: Final = 2
SYNTHETIC_ECHO_PIECES: Final = 2
MOST_TOLD: Final = 20
"""So many rows that were left out are told one by one."""
EXIT_INTERRUPTED: Final = 130

ABOUT = """\
Scores the ear on recordings: does it yield to "stop" and talk through "mm-hmm", and how long does it wait at the end
of a turn? It feeds the classes that run in production, faster than real time, prints a table with the goals beside
each figure, and writes the figures as JSON and the curves as PNG."""

MORE = """\
docs/evaluation.md says what each figure means and how it is measured. A folder holds manifests/overlap.csv, turns.csv,
vad.csv and noise.csv; one that is missing is skipped. Without a folder a small one of synthesised speech is made: it
shows that everything works, not how good it is.

examples:
  make eval DATA=folder OUT=figures.json                     everything, a few minutes
  make eval DATA=folder OUT=t.json ARGS='--only turns'       one part; several: --only turns,overlap
  make eval DATA=folder OUT=a.json ARGS='--half a'           one half of the speakers, to tune on ...
  make eval DATA=folder OUT=b.json ARGS='--half b'           ... and the other, to report
  make eval DATA=folder OUT=q.json ARGS='--limit 10'         ten clips of each kind: a first look

exit codes: 0 done, 1 a process died, 2 bad arguments or a folder that can't be used (lines say what), 130 Ctrl-C"""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        "python -m tests.eval", description=ABOUT, epilog=MORE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="where to write the figures; pictures go beside it")
    parser.add_argument("--data", type=Path, help="a folder with recordings and manifests (default: synthesised)")
    parser.add_argument("--only", type=_parts, default=PARTS, help=f"some of {','.join(PARTS)} (default: all)")
    parser.add_argument("--seed", type=_count, default=0, help="places of the noise, resampling (default 0)")
    parser.add_argument("--limit", type=_some, help="at most so many clips of each kind")
    parser.add_argument("--half", choices=("a", "b"), help="only the speakers and sources of one half")
    parser.add_argument("--jobs", type=_some, default=os.cpu_count() or 1, help="processes (default: one a core)")
    options = parser.parse_args(arguments)
    if not options.out.resolve().parent.is_dir():
        parser.error(f"--out {options.out}: there is no folder {options.out.resolve().parent}")
    if options.out.is_dir():
        parser.error(f"--out {options.out} is a folder; name a file")
    return options


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(text.split(","))
    if unknown := [part for part in parts if part not in PARTS]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown) or 'nothing'}: {', '.join(PARTS)} are known")
    return parts


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 0 on")
    return int(text)


def _some(text: str) -> int:
    if not 1 <= (count := _count(text)) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number from 1 to 100000")
    return count


def tell(text: str) -> None:
    """Say something to the person, beside the table."""
    print(text, file=sys.stderr, flush=True)


def chosen(options: argparse.Namespace, root: Path) -> Folder:
    """Return the clips that are wanted. Raises DataError."""
    folder = read_folder(root)
    for line in folder.missing:
        tell(f"Skipped: {line}.")
    for line in folder.problems[:MOST_TOLD]:
        tell(f"Left out: {line}.")
    if len(folder.problems) > MOST_TOLD:
        tell(f"Left out: {len(folder.problems) - MOST_TOLD} more rows.")
    if options.half:
        folder.half(options.half)
    if options.limit:
        folder.limit(options.limit)
    if not (folder.overlap or folder.turns or folder.vad):
        raise DataError(f"{root} holds nothing in half {options.half}: all its clips are of speakers of the other.")
    return folder


def main() -> int:
    """Run; a fault is told in words, not in a traceback."""
    options = parse()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the children are to end, too
    began_s = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as room, Crew(options.jobs) as crew:
            folder = chosen(options, options.data or build(Path(room) / "synthesised"))
            evaluation = Evaluation(folder, crew, Setting(folder.root, options.seed), tell)
            if options.data is None:
                evaluation.echo_pieces = SYNTHETIC_ECHO_PIECES
            found = evaluation.run(options.only)
        found["run"] = report.about(options, folder, crew.problems, time.monotonic() - began_s)
        report.save(found, options.out)
        drawn = pictures.draw(found, evaluation.heard, options.out)
    except (DataError, SettingsFault) as fault:
        tell(str(fault))
        return EXIT_BAD
    except OSError as fault:
        tell(f"A file could not be used: {fault}")
        return EXIT_BAD
    except BrokenProcessPool:
        tell("A process that was hearing clips died; perhaps there is too little memory. Try --jobs 1.")
        return EXIT_FAILED
    except KeyboardInterrupt:
        tell("\nStopped; nothing was written.")
        return EXIT_INTERRUPTED
    names = ", ".join(str(path) for path in (options.out, *drawn))
    print(f"{table(found)}\n\nWritten: {names}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
