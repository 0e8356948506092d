"""Runs one target under atheris: `python -m tests.fuzz.coverage_guided TARGET SECONDS FOLDER`, in .venv-fuzz.

FOLDER keeps what was found: inputs that lead to new code, and in `crashes` the one that failed.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # it is in .venv-fuzz alone

with atheris.instrument_imports(include=["services", "clients", "jwt", "websockets"]):
    from tests.fuzz import seeds
    from tests.fuzz.targets import TARGETS

MEMORY_MB = 1024
"""Of the process: what is instrumented and libFuzzer's own is some 300."""
ALLOCATION_MB = 64
"""At once: a message may have a 16th of a megabyte."""
SLOWEST_S = 10
"""One input; on a busy machine."""
LONGEST_BYTES = 1 << 17


def main() -> None:
    """Fuzz until the time is over, or something is found: then the exit code is not 0."""
    name, seconds, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    logging.disable(logging.CRITICAL)
    corpus, crashes = folder / "corpus", folder / "crashes"
    seeds.write(name, corpus)
    crashes.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-malloc_limit_mb={ALLOCATION_MB}",
        f"-timeout={SLOWEST_S}",
        f"-max_len={LONGEST_BYTES}",
        f"-artifact_prefix={crashes}/",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
