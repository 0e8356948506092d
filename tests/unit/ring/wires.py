"""Wires of a simulated ring: virtual time, streams that keep their order, and a topic that keeps nothing."""

from __future__ import annotations

import heapq
from collections.abc import AsyncGenerator, Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import count, cycle, groupby
from typing import Any, Generic, TypeVar, cast

from services.common.outbox import Outbox

T = TypeVar("T")

Delay = Callable[[Any], int]
"""How many milliseconds a message travels; on a stream none overtakes another all the same."""

Copies = Callable[[Any], Sequence[int]]
"""The delays of the copies in which a message of the topic arrives: none when it is lost."""

QUIET_MS = 700
"""Longer than any timer of the ring that a message waits for: after it nothing more happens by itself."""


def steady(ms: int) -> Delay:
    """Return a wire that always takes as long."""
    return lambda message: ms


def cycled(delays_ms: Sequence[int]) -> Delay:
    """Return a wire that takes these delays in turn."""
    delays = cycle(delays_ms)
    return lambda message: next(delays)


@dataclass(frozen=True)
class Entry:
    """One line of the log; put into words only when a test fails."""

    at_us: int
    where: str
    what: object

    def __str__(self) -> str:
        return f"{self.at_us / 1000:9.1f} ms  {self.where:<22} {_words(self.what)}"


class Timeline:
    """Virtual time. What is due at the same moment happens in the order in which it was asked for."""

    def __init__(self) -> None:
        self.now_us = 0
        self.last_news_us = 0
        self.in_flight = 0
        self.log: list[Entry] = []
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()

    @property
    def now_s(self) -> float:
        """Seconds since the beginning."""
        return self.now_us / 1e6

    def after(self, ms: float, act: Callable[[], None]) -> None:
        """Do something later."""
        heapq.heappush(self._due, (self.now_us + round(ms * 1000), next(self._order), act))

    def every(self, ms: float, act: Callable[[], None], offset_ms: float = 0) -> None:
        """Do something again and again."""

        def again() -> None:
            act()
            self.after(ms, again)

        self.after(offset_ms, again)

    def step(self) -> None:
        """Let the next thing happen."""
        self.now_us, _, act = heapq.heappop(self._due)
        act()

    def note(self, where: str, what: object) -> None:
        """Write a line of the log."""
        self.last_news_us = self.now_us
        self.log.append(Entry(self.now_us, where, what))

    @property
    def is_quiet(self) -> bool:
        """True when nothing travels and nothing has arrived for a while."""
        return not self.in_flight and self.now_us - self.last_news_us > QUIET_MS * 1000


class Stream(Generic[T]):
    """One direction of a gRPC stream: a single writer that empties an outbox, control first, and order on the way."""

    def __init__(
        self,
        name: str,
        timeline: Timeline,
        outbox: Outbox[T],
        deliver: Callable[[T], None],
        delay: Delay,
        writing_ms: int = 0,
    ) -> None:
        self._name = name
        self._timeline = timeline
        self._outbox = outbox
        self._messages = cast("AsyncGenerator[T, None]", aiter(outbox))
        self._deliver = deliver
        self._delay = delay
        self._writing_ms = writing_ms
        self._is_writing = False
        self._last_us = 0

    def pump(self) -> None:
        """Write what can be written now."""
        while len(self._outbox) and not self._is_writing:
            self._send(self._next())
            if self._writing_ms:
                self._is_writing = True
                self._timeline.after(self._writing_ms, self._written)

    def _written(self) -> None:
        self._is_writing = False
        self.pump()

    def _next(self) -> T:
        """Take what the writer would take: the outbox is not empty, so its iterator gives it without waiting."""
        try:
            self._messages.__anext__().send(None)
        except StopIteration as taken:
            return cast("T", taken.value)
        raise AssertionError("an outbox that is not empty made its writer wait")

    def _send(self, message: T) -> None:
        arrival_us = self._timeline.now_us + self._delay(message) * 1000
        self._last_us = max(self._last_us, arrival_us)
        self._timeline.in_flight += 1
        self._timeline.after((self._last_us - self._timeline.now_us) / 1000, lambda: self._arrive(message))

    def _arrive(self, message: T) -> None:
        self._timeline.in_flight -= 1
        self._timeline.note(self._name, message)
        self._deliver(message)


class Topic(Generic[T]):
    """One subscriber's side of a pub/sub topic: late, lost, twice or out of order, as `copies` says."""

    def __init__(self, name: str, timeline: Timeline, deliver: Callable[[T], None], copies: Copies) -> None:
        self._name = name
        self._timeline = timeline
        self._deliver = deliver
        self._copies = copies

    def publish(self, message: T) -> None:
        """Let the subscriber have its copies."""
        for delay_ms in self._copies(message):
            self._timeline.in_flight += 1
            self._timeline.after(delay_ms, lambda: self._arrive(message))

    def _arrive(self, message: T) -> None:
        self._timeline.in_flight -= 1
        self._timeline.note(self._name, message)
        self._deliver(message)


def told(log: Iterable[Entry]) -> str:
    """Return a log for a person to read: what is sent all the time is only counted."""
    lines: list[str] = []
    for is_routine, entries in groupby(log, lambda entry: _is_routine(entry.what)):
        if is_routine:
            lines.append(f"{'':>14}… {sum(1 for _ in entries)} pieces of audio, words and reports")
        else:
            lines += map(str, entries)
    return "\n".join(lines)


def _is_routine(what: Any) -> bool:
    if isinstance(what, str):
        return False
    if isinstance(what, dict):
        return str(what["type"]).endswith((".delta", ".append", "rate_limits.updated"))
    kind = what.WhichOneof("message") if hasattr(what, "WhichOneof") and "message" in _oneofs(what) else ""
    report = getattr(what, kind, None) if kind in ("playback", "played") else None
    if report is not None:
        is_answer: bool = kind == "played" and report.flushed_seq > 0
        is_milestone: bool = report.ended or report.position == 0
        return not (is_answer or is_milestone)
    return kind == "audio" or (kind == "caption" and not what.caption.final)


def _oneofs(message: Any) -> Container[str]:
    names: Container[str] = message.DESCRIPTOR.oneofs_by_name
    return names


def _words(what: object) -> str:
    if isinstance(what, dict):
        fields = {key: value for key, value in what.items() if key not in ("type", "event_id", "content_index")}
        return f"{what.get('type')} {fields}"
    return " ".join(str(what).split())
