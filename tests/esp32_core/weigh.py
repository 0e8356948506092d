"""What the core weighs on a small device: code, memory, stack, and instructions, against its goals."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .programs import ESP32

RV32 = ESP32 / "tests" / "build" / "rv32"
TICKS_PER_S = 50
CORE_HZ = 240_000_000
ENTRIES = ("parley_tick", "parley_received", "parley_device_step", "parley_poll", "parley_init")
"""Where a task enters the core."""


@dataclass(frozen=True, slots=True)
class Weight:
    """One figure and its goal."""

    what: str
    value: float
    goal: float
    unit: str
    note: str

    @property
    def is_met(self) -> bool:
        """Whether it is within its goal."""
        return self.value <= self.goal

    def __str__(self) -> str:
        shown = f"{self.value:.1f}" if self.unit == "%" else f"{self.value:,.0f}"
        return f"| {self.what} | {shown} {self.unit} | {self.goal:,g} {self.unit} | {self.note} |"


def table(weights: Iterable[Weight]) -> str:
    """Return them as a table."""
    return "\n".join(["| what | is | goal | how it was counted |", "|---|---|---|---|", *map(str, weights)])


def weights(load: str) -> list[Weight]:
    """Return the figures, of what `make weigh` has built and what the load has printed in the emulator."""
    code, constants = _code()
    per_tick, worst = _figure(load, "tick"), _figure(load, "worst")
    stack, path = deepest()
    return [
        Weight("code", code, 24 * 1024, "bytes", f"-Os, rv32imc; and {constants:,} bytes of constants"),
        Weight("memory", _figure(load, "memory"), 64 * 1024, "bytes", "all of it, 400 ms of sound each way included"),
        Weight("stack", stack, 4 * 1024, "bytes", f"the deepest way down: {' → '.join(path)}"),
        Weight(
            "time",
            per_tick * TICKS_PER_S / CORE_HZ * 100,
            5,
            "%",
            f"of a 240 MHz core at one instruction a cycle, without Opus: {per_tick:,} a tick, {worst:,} at most",
        ),
    ]


def _figure(load: str, name: str) -> int:
    found = re.search(rf"^{name} (\d+)", load, re.MULTILINE)
    assert found, f"the load has not told {name}: {load}"
    return int(found[1])


def _code() -> tuple[int, int]:
    objects = sorted(str(path) for path in (RV32 / "core").glob("*.o"))
    command = ["riscv64-unknown-elf-size", "-A", *objects]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    sizes = [(name, int(size)) for name, size in re.findall(r"^(\.\S+)\s+(\d+)", listing, re.MULTILINE)]
    code = sum(size for name, size in sizes if name.startswith(".text"))
    return code, sum(size for name, size in sizes if name.startswith((".rodata", ".srodata")))


def deepest() -> tuple[int, list[str]]:
    """Return the most stack that a call into the core can take, and by which functions.

    By the compiler's own call graph (-fcallgraph-info). What is called through a pointer it can't see: the listener of
    the JSON reader is put in by hand; the ports and the owner's listener are the owner's.
    """
    used: dict[str, int] = {}
    calls: dict[str, set[str]] = {}
    for path in (RV32 / "core").glob("*.ci"):
        _read_graph(path, used, calls)
    callbacks = [name for name in used if name in ("message.c:begins", "message.c:value")]
    calls["json_reader: its listener"] = set(callbacks)
    known: dict[str, tuple[int, list[str]]] = {}
    return max((_depth(entry, used, calls, known, ()) for entry in ENTRIES), key=lambda found: found[0])


def _read_graph(path: Path, used: dict[str, int], calls: dict[str, set[str]]) -> None:
    text = path.read_text()
    for title, label in re.findall(r'node: \{ title: "([^"]+)" label: "([^"]+)"', text):
        if size := re.search(r"\\n(\d+) bytes", label):
            used[_name(title)] = int(size[1])
    for source, target in re.findall(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', text):
        is_listener = path.stem == "json_reader" and target == "__indirect_call"
        calls.setdefault(_name(source), set()).add("json_reader: its listener" if is_listener else _name(target))


def _name(title: str) -> str:
    return title.removeprefix("../core/")


def _depth(
    name: str,
    used: dict[str, int],
    calls: dict[str, set[str]],
    known: dict[str, tuple[int, list[str]]],
    above: tuple[str, ...],
) -> tuple[int, list[str]]:
    if name in above:
        return 0, []  # it calls itself; the core does not, but for the reader's callbacks that end it
    if name not in known:
        below = [_depth(each, used, calls, known, (*above, name)) for each in calls.get(name, ())]
        size, path = max(below, key=lambda found: found[0], default=(0, []))
        known[name] = used.get(name, 0) + size, [name.partition(":")[2] or name, *path] if used.get(name) else path
    return known[name]
