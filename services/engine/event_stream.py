"""Server-sent events, cut out of bytes as they come: the form in which HTTP servers stream their answers."""

from __future__ import annotations

import re

_LINE_END = re.compile(rb"\r\n|\n|\r(?!$)")  # a "\r" that comes last may be half of a "\r\n"


class EventTooLargeError(Exception):
    """An event passes the bound: nobody sends such a one in good faith."""


class EventCutter:
    """Takes bytes and gives the `data` of each event that is complete; comments and other fields are left out."""

    def __init__(self, most_bytes: int = 2**20) -> None:
        self._most_bytes = most_bytes
        self._rest = b""
        self._data: list[str] = []
        self._data_bytes = 0

    def feed(self, chunk: bytes) -> list[str]:
        """Add what has come. Raises EventTooLargeError."""
        if self._rest and b"\n" not in chunk and b"\r" not in chunk and not self._rest.endswith(b"\r"):
            lines, self._rest = [], self._rest + chunk  # a long line is not searched again with each chunk
        else:
            *lines, self._rest = _LINE_END.split(self._rest + chunk)
        events = []
        for line in lines:
            if line:
                self._take(line)
            elif (event := self.finish()) is not None:
                events.append(event)
        if len(self._rest) > self._most_bytes:
            raise EventTooLargeError
        return events

    def finish(self) -> str | None:
        """The event that the last lines make, though no empty line has ended it; None if there is none."""
        data, self._data, self._data_bytes = self._data, [], 0
        return "\n".join(data) if data else None

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name != b"data":
            return
        self._data_bytes += len(value)
        if self._data_bytes > self._most_bytes:
            raise EventTooLargeError
        self._data.append(value.removeprefix(b" ").decode("utf-8", "replace"))
