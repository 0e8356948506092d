"""Interrupts: listens on Redis for vad's decisions, with a handful of bytes of the Redis protocol."""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import urlsplit

from services.common.topic import CHANNEL
from tests.load.reactor import Reactor, Stream
from tests.load.tape import Verdict

_LINE: Final = b"\r\n"


class InterruptTopic:
    """Subscribes at once; what is published stands in `verdicts`."""

    def __init__(self, reactor: Reactor, redis_url: str) -> None:
        self.verdicts: list[Verdict] = []
        self._buffer = b""
        parts = urlsplit(redis_url)
        self._stream = Stream.connected(reactor, parts.hostname or "", parts.port or 6379, self._take, self._end)
        self._stream.send(f"*2\r\n$9\r\nSUBSCRIBE\r\n${len(CHANNEL)}\r\n{CHANNEL}\r\n".encode())

    def close(self) -> None:
        """Let go of the connection."""
        self._stream.close()

    def _take(self, data: bytes) -> None:
        self._buffer += data
        while (message := self._message()) is not None:
            if message[0] == b"message":
                self.verdicts.append(Verdict(time.monotonic(), message[2]))

    def _message(self) -> list[bytes] | None:
        """Take one array of the buffer: its strings, and its numbers as text. None while it has not come whole."""
        head, found, rest = self._buffer.partition(_LINE)
        if not found:
            return None
        values: list[bytes] = []
        for _ in range(int(head[1:])):
            line, found, rest = rest.partition(_LINE)
            if not found:
                return None
            if line[:1] == b"$":
                size = int(line[1:])
                if len(rest) < size + len(_LINE):
                    return None
                line, rest = b"$" + rest[:size], rest[size + len(_LINE) :]
            values.append(line[1:])
        self._buffer = rest
        return values

    def _end(self) -> None:
        """Redis has gone: the conversations will tell."""
