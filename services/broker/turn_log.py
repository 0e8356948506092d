"""Turn log: a line of JSON for each turn and each session, in a file of the operator's or on standard output.

Written by a thread of its own, so that a disk that is slow or full costs nobody's conversation anything.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Self

from services.common.errors import SettingsFault
from services.common.settings import Environment

log = logging.getLogger("parley.broker")

VARIABLE: Final = "PARLEY_TURN_LOG"
DASH: Final = "-"
STANDARD_OUTPUT: Final = 1
WAITING: Final = 10_000
"""Lines that wait to be written; newer ones are dropped, and counted."""
CLOSING_S: Final = 2.0
"""How long a stopping broker waits for the last lines to be written."""


class TurnLog:
    """What PARLEY_TURN_LOG names, as a context manager; unset it writes nothing."""

    def __init__(self, env: Environment, on_dropped: Callable[[], None] = lambda: None) -> None:
        """Open it, to be added to; `on_dropped` is told, in any thread, of each line that could not be written.

        Raises SettingsFault when it can't be opened.
        """
        self._on_dropped = on_dropped
        self._lines: queue.Queue[Mapping[str, Any] | None] = queue.Queue(WAITING)
        self._path = env.text(VARIABLE)
        self._fd = _opened(self._path) if self._path else None
        self._is_failing = False
        self._thread = threading.Thread(target=self._write_all, name="turn-log", daemon=True)

    def __enter__(self) -> Self:
        """Start to write."""
        if self._fd is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write what waits, but not for ever."""
        if self._fd is not None:
            with suppress(queue.Full):
                self._lines.put(None, timeout=CLOSING_S)
            self._thread.join(CLOSING_S)
            if self._fd != STANDARD_OUTPUT and not self._thread.is_alive():
                os.close(self._fd)

    def write(self, line: Mapping[str, Any]) -> None:
        """Have a line written; nobody waits for it."""
        if self._fd is None:
            return
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._on_dropped()

    def _write_all(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
                self._is_failing = False
            except OSError as error:
                self._on_dropped()
                if not self._is_failing:
                    log.warning("%s=%r can't be written: %s; lines are lost", VARIABLE, self._path, error.strerror)
                self._is_failing = True

    def _write(self, data: bytes) -> None:
        assert self._fd is not None
        while data:
            data = data[os.write(self._fd, data) :]


def _opened(path: str) -> int:
    """Return a descriptor to write to. Standard output's own: no lock of Python's is held by a write that hangs."""
    if path == DASH:
        return STANDARD_OUTPUT
    try:
        # A named pipe that nobody reads would be waited for; so it is an error.
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o640)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SettingsFault(
            f"{VARIABLE}={path!r} can't be written: {why}. Name a file in a folder that is there, or "
            f"{DASH} for standard output."
        ) from error
    os.set_blocking(fd, True)
    return fd
