"""What a process has just now: memory, descriptors, threads and CPU time, as /proc tells."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_KIB: Final = 1024


@dataclass(frozen=True)
class Vitals:
    """What a process has just now."""

    rss_bytes: int
    fds: int
    threads: int
    cpu_s: float
    """Since it began."""


def vitals(pid: int) -> Vitals:
    """Look at a process. Raises ProcessLookupError when there is none."""
    folder = Path(f"/proc/{pid}")
    try:
        lines = (folder / "status").read_text().splitlines()
        after_name = (folder / "stat").read_text().rpartition(")")[2].split()
        fds = len(os.listdir(folder / "fd"))
    except (FileNotFoundError, ProcessLookupError) as error:
        raise ProcessLookupError(f"there is no process {pid}") from error
    status = {key: value.split() for key, _, value in (line.partition(":") for line in lines)}
    user, system = int(after_name[11]), int(after_name[12])
    rss = int(status["VmRSS"][0]) if "VmRSS" in status else 0  # a zombie has none
    return Vitals(rss * _KIB, fds, int(status["Threads"][0]), (user + system) / _TICKS_PER_S)


def is_frozen(pid: int) -> bool:
    """Tell whether a process stands still by a signal. Raises ProcessLookupError when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("T", "t")
    except (FileNotFoundError, ProcessLookupError) as error:
        raise ProcessLookupError(f"there is no process {pid}") from error
