"""Logs: lines of text for people, or of JSON for machines, on standard error. docs/logs.md has the fields.

Nobody waits for the log. A thread of its own writes it; where standard error is a pipe that nobody reads, or a disk
that is full, the newest lines are dropped, and counted.

What a line tells besides its words goes into `fields`, and from there into JSON. A line whose message begins with
"session %s" is of that session, so that need not be said twice.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import select
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final

from services.common.log_settings import JSON, LogSettings

WAITING: Final = 4_096
"""Lines that wait to be written; newer ones are dropped, and counted."""
CLOSING_S: Final = 1.0
"""How long a process that ends waits for its last lines to be written."""

_STANDARD_ERROR: Final = 2
_OF_A_SESSION: Final = "session %s"
_FIELDS: Final = "fields"


def fields(**known: Any) -> dict[str, Any]:
    """Return what a line of the log is to tell besides its words, as `extra`; what is empty, or 0, is left out."""
    return {_FIELDS: {name: value for name, value in known.items() if value not in ("", 0, None) or value is False}}


class _Words:
    """Whether words of people's may stand in the log of this process."""

    may_be_told = False


def may_tell_words() -> bool:
    """Return whether the operator wants to read what people say, and what is said to them."""
    return _Words.may_be_told


def dropped() -> int:
    """Return how many lines of this process could not be written."""
    return _Count.dropped


class _Count:
    dropped = 0


class TextForm(logging.Formatter):
    """A line for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03d %(levelname).1s %(name)s %(message)s", "%H:%M:%S")


class JsonForm(logging.Formatter):
    """A line for machines: time, level, logger and message, and whatever else is known."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if isinstance(record.msg, str) and record.msg.startswith(_OF_A_SESSION) and isinstance(record.args, tuple):
            line["session"] = str(record.args[0])
        known = getattr(record, _FIELDS, None)
        if isinstance(known, Mapping):
            line.update(known)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, separators=(",", ":"), ensure_ascii=False, default=str)


class LineLog(logging.Handler):
    """Gives each line to a thread that writes it to `fd`. A context manager, for as long as it is written."""

    def __init__(self, fd: int = _STANDARD_ERROR, waiting: int = WAITING) -> None:
        super().__init__()
        self._fd = fd
        self._lines: queue.Queue[bytes | None] = queue.Queue(waiting)
        self._lost = 0
        self._told = 0
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Have a line written; nobody waits for it."""
        try:
            self._lines.put_nowait(self.format(record).encode(errors="replace") + b"\n")
        except queue.Full:
            self._lose()
        except Exception:  # noqa: BLE001 - as every handler of the standard library: a bad line must not end a session
            self.handleError(record)

    def close(self) -> None:
        """Write what waits, but not for ever."""
        with suppress(queue.Full):
            self._lines.put(None, timeout=CLOSING_S)
        self._thread.join(CLOSING_S)
        super().close()

    def _write_all(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._write(line)
                self._tell_dropped()
            except OSError:
                self._lose()

    def _lose(self) -> None:
        self._lost += 1
        _Count.dropped += 1

    def _tell_dropped(self) -> None:
        """Say what is missing, now that there is room again."""
        if (now := self._lost) > self._told:
            many, self._told = now - self._told, now
            words, args = "%d lines of the log were dropped: nobody read them", (many,)
            record = logging.LogRecord("parley.log", logging.WARNING, "", 0, words, args, None)
            self._write(self.format(record).encode() + b"\n")

    def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:  # somebody has made it so; we can wait here
                select.select([], [self._fd], [])


@contextmanager
def written(settings: LogSettings) -> Iterator[None]:
    """Write the log of this process as `settings` want it, while the block lasts."""
    root, handler = logging.getLogger(), LineLog()
    handler.setFormatter(JsonForm() if settings.form == JSON else TextForm())
    before, told = root.level, _Words.may_be_told
    _Words.may_be_told = settings.words
    root.setLevel(settings.level)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        _Words.may_be_told = told
        handler.close()
