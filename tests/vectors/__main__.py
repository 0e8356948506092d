"""`python -m tests.vectors`: hold the vectors to protobuf, and say where one is wrong."""

from __future__ import annotations

import sys

from .authority import normal, read, same_text, tidy
from .frames import FrameVector, frames


def faults_of(vector: FrameVector) -> list[str]:
    """Return what is wrong with a frame among the vectors."""
    meant = read(vector.sender, vector.binary, vector.text)
    if vector.means is None:
        return [] if meant is None else [f"is said to be bad, and means {meant}"]
    if meant is None:
        return ["is said to be good, and can't be read"]
    faults = []
    if meant != tidy(vector.means):
        faults.append(f"means {meant}")
    if vector.means != normal(vector.sender, vector.means) and vector.binary is None:
        faults.append(f"its meaning is written {normal(vector.sender, vector.means)}")
    if vector.canonical and vector.text is not None and not same_text(vector.text, vector.means):
        faults.append("is not how protobuf writes it")
    return faults


def main() -> int:
    """Check all; return 1 where one is wrong."""
    vectors = frames()
    faults = [f"{vector}: {fault}" for vector in vectors for fault in faults_of(vector)]
    print(*faults, f"{len(vectors)} frames, {len(faults)} faults.", sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
