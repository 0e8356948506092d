"""What processes print: bytes to lines, lines kept for later, lines shown with their writer's name in front."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, TextIO

LINES_KEPT: Final = 2000
_LONGEST_LINE: Final = 64 * 1024
_COLOURS: Final = (36, 33, 32, 35, 34, 31, 96, 93)  # ANSI foregrounds, one per writer in the order they appear


class LineSplitter:
    """Cuts a stream of bytes into lines: `feed(bytes) -> lines`. A line over 64 KiB is cut there, not kept for ever."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that `data` completes, without their ends; what is no UTF-8 shows as �."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        return [_text(line) for line in lines]

    def finish(self) -> list[str]:
        """Return what was left without a line end."""
        rest, self._rest = self._rest, b""
        return [_text(rest)] if rest else []


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")


class Journal:
    """The last lines each process printed, and, given a folder, all of them in `<folder>/<name>.log`."""

    def __init__(self, folder: Path | None = None, show: Callable[[str, str], None] | None = None) -> None:
        self._folder = folder
        self._show = show
        self._lines: dict[str, deque[str]] = {}
        self._files: dict[str, TextIO] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, line: str) -> None:
        """Take one line of the process `name`."""
        self._lines.setdefault(name, deque(maxlen=LINES_KEPT)).append(line)
        if self._folder is not None:
            if name not in self._files:
                self._files[name] = (self._folder / f"{name}.log").open("w", encoding="utf-8", buffering=1)
            self._files[name].write(line + "\n")
        if self._show is not None:
            self._show(name, line)

    def lines(self, name: str) -> list[str]:
        """Return what `name` printed last, oldest first."""
        return list(self._lines.get(name, ()))

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()


class PrefixedLines:
    """Shows lines as `ingress | …`: names aligned, coloured when `stream` is a terminal."""

    def __init__(self, names: list[str], stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._width = max(map(len, names), default=0)
        self._colours = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}

    def __call__(self, name: str, line: str) -> None:
        """Show one line of `name`."""
        head = f"{name:<{self._width}} |"
        if self._stream.isatty() and name in self._colours:
            head = f"\033[{self._colours[name]}m{head}\033[0m"
        print(f"{head} {line}", file=self._stream, flush=True)
