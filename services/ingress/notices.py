"""Notices: what the client should know while the conversation goes on, each code once in a session, whoever says it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from parley.v1 import conversation_service_pb2 as client


class Notices:
    """One session's. Who is told the same again and again stops reading; how often it was said is counted."""

    def __init__(self, tell: Callable[[client.ConverseResponse], None], counters: Counter[str]) -> None:
        self._tell = tell
        self._counters = counters
        self._told: set[int] = set()

    def add(self, notice: client.Notice) -> None:
        """Count a notice under its code's name, and tell the client of it if its code is new."""
        known = notice.code in client.Notice.Code.values()
        name = client.Notice.Code.Name(notice.code).removeprefix("CODE_").lower() if known else "notice_other"
        self._counters[name] += 1
        if notice.code not in self._told:
            self._told.add(notice.code)
            self._tell(client.ConverseResponse(notice=notice))
