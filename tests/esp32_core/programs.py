"""Builds the core's test programs, and talks to the one that plays vectors."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

ESP32 = Path(__file__).parents[2] / "clients" / "esp32"
NEEDS_CC = "needs a C compiler: apt install gcc make libc6-dev"
NEEDS_RV32 = (
    "needs a compiler and an emulator for rv32imc: "
    "apt install gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc"
)
BUILD_S = 600
"""A build on a busy machine takes its time."""


def obstacle_on_host() -> str:
    """Return what is missing here for building the tests; empty: nothing."""
    return "" if shutil.which("cc") and shutil.which("make") else NEEDS_CC


def obstacle_on_rv32() -> str:
    """Return what is missing here for building and running them as rv32imc; empty: nothing."""
    if not shutil.which("make"):
        return NEEDS_CC
    tools = ("riscv64-unknown-elf-gcc", "qemu-system-riscv32")
    has_libc = Path("/usr/lib/picolibc/riscv64-unknown-elf").is_dir()
    return "" if has_libc and all(shutil.which(tool) for tool in tools) else NEEDS_RV32


def make(*targets: str) -> str:
    """Make targets of clients/esp32/tests; return what was printed. Raises AssertionError with it on failure."""
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    command = ["make", "--no-print-directory", "-C", str(ESP32 / "tests"), *targets]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_S, env=environment, check=False)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


class Player:
    """The core behind a line of text each way (clients/esp32/tests/player.c says which)."""

    def __init__(self, servers: int = 1) -> None:
        program = ESP32 / "tests" / "build" / "host" / "player"
        self._process = subprocess.Popen(
            [program, str(servers)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.state = "idle"

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the program."""
        self._process.communicate()

    def say(self, command: str) -> Iterator[tuple[str, str]]:
        """Give a command; yield what the core did as (word, rest). Raises AssertionError where it is gone."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(command + "\n")
        answers: list[tuple[str, str]] = []
        for line in self._process.stdout:
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == ".":
                self.state = rest
                return iter(answers)
            answers.append((word, rest))
        raise AssertionError(f"the core's program has stopped at: {command[:200]}")
