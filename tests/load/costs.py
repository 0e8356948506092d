"""Costs: what processes of this machine have used, from /proc; and which cores they may use. Linux only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Return the CPU seconds, user and system, of a process with all its threads and its children, living or not."""
    # After the name in parentheses: utime, stime, cutime, cstime are fields 14 to 17.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS_PER_S + sum(map(cpu_s, children(pid)))


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that still run: an engine has some for its parts."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


def cpu_of(pids: Mapping[str, int]) -> dict[str, float]:
    """Return the CPU seconds of each process by its name."""
    return {name: cpu_s(pid) for name, pid in pids.items()}


def busy_s(cores: Iterable[int]) -> float:
    """Return the CPU seconds that programs have used of these cores since the machine started.

    Without interrupts: nobody can say whose they were.
    """
    lines = dict(line.split(" ", 1) for line in Path("/proc/stat").read_text().splitlines() if line.startswith("cpu"))
    busy = 0
    for core in cores:
        busy += sum(map(int, lines[f"cpu{core}"].split()[:3]))  # user, nice, system
    return busy / _TICKS_PER_S


def memory_mb(pid: int) -> float:
    """Return the resident set size in MB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def memory_of(pids: Mapping[str, int]) -> dict[str, float]:
    """Return the memory in MB of each process by its name."""
    return {name: memory_mb(pid) for name, pid in pids.items()}


def pin(pids: Iterable[int], cores: set[int]) -> None:
    """Let processes, with all their threads, run on these cores only."""
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(thread), cores)


def processor() -> str:
    """Return the processor's name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"
