"""Process meter: what every stage of the ring tells of itself, whatever it does. docs/metrics.md has the list.

All of it is looked up when it is scraped, but for what only the event loop's own thread may look at: that, each second.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from services.common import logs, names
from services.common.reads import CANCELLED_READS
from services.common.room import FULL, LATE_LOOP, Room
from services.common.tracing import tracing
from services.common.trunk import STRANDS_BROKEN, TRUNKS_BROKEN

_LAG_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0)
_LOOK_S: Final = 1.0

Count = Callable[[], int]
Buffers = Mapping[str, Sequence[int]]
"""How much waits in each kind of buffer, session by session."""


class ProcessMeter(Collector):
    """One process's. `tally` is where its trunks and doors count; `events` what its sessions have counted.

    `drops` says how many frames of 20 ms were dropped so far, by why; `buffers` how much waits where, now. Both are
    asked each second, in the event loop: nothing is added to what a frame costs.

    `sessions` is left out by a stage that tells of its sessions in a way of its own. Have it `run`.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        room: Room,
        tally: Counter[str],
        *,
        parked: Count,
        sessions: Count | None = None,
        events: Callable[[], Mapping[str, int]] = dict,
        drops: Callable[[], Mapping[str, int]] = dict,
        buffers: Callable[[], Buffers] = dict,
    ) -> None:
        self._room = room
        self._tally = tally
        self._parked = parked
        self._sessions = sessions
        self._events = events
        self._drops = drops
        self._buffers = buffers
        self._tasks = 0
        self._counted: dict[str, int] = {}
        self._dropped = dict(drops())
        self._waiting: dict[str, int] = {}
        self._fullest: dict[str, int] = {}
        lag = Histogram(names.LOOP_LAG, "How late the event loop was, each 50 ms.", registry=registry, buckets=_LAG_S)
        room.promptness.note = lag.observe
        registry.register(self)

    async def run(self) -> None:
        """Watch the event loop, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._room.promptness.run())
            group.create_task(self._look())

    async def _look(self) -> None:
        while True:
            self._tasks = len(asyncio.all_tasks())
            self._counted = dict(self._events())
            self._dropped = dict(self._drops())
            buffers = self._buffers()
            self._waiting = {name: sum(each) for name, each in buffers.items()}
            self._fullest = {name: max(each, default=0) for name, each in buffers.items()}
            await asyncio.sleep(_LOOK_S)

    def collect(self) -> Iterator[Metric]:
        """Tell how everything stands."""
        if self._sessions is not None:
            yield _gauge(names.SESSIONS_ACTIVE, "Sessions that are here, the parked ones included.", self._sessions())
        yield _gauge(names.SESSIONS_PARKED, "Sessions that wait for somebody to go on with them.", self._parked())
        refused = self._room.refused
        yield _counter(
            names.SESSIONS_REFUSED,
            "Sessions that were not begun here, by why.",
            {FULL: refused[FULL], LATE_LOOP: refused[LATE_LOOP]},
            "reason",
        )
        yield _gauge(names.PLACES, "Sessions that there is room for.", self._room.most)
        late_s = self._room.promptness.lag_s
        yield _gauge(names.LOOP_LATE, "How late the event loop is, on average over about a second.", late_s)
        yield _gauge(names.TASKS, "Tasks of the event loop.", self._tasks)
        for name, what, key in (
            (names.CANCELLED_READS, "gRPC reads that were cancelled, or cut off with their call.", CANCELLED_READS),
            (names.TRUNKS_BROKEN, "Connections to or from another stage that broke while in use.", TRUNKS_BROKEN),
            (names.STRANDS_BROKEN, "Sessions' streams that broke with them.", STRANDS_BROKEN),
        ):
            yield CounterMetricFamily(name, what, value=self._tally[key])
        yield CounterMetricFamily(names.LOG_DROPPED, "Lines of the log that nobody read.", value=logs.dropped())
        lost = tracing.here().lost
        dropped = {"full": lost.full, "unsent": lost.unsent}
        yield _counter(names.SPANS_DROPPED, "Spans that were dropped, by why.", dropped, "reason")
        yield CounterMetricFamily(names.SPAN_EXPORTS_FAILED, "Messages of spans nobody took.", value=lost.messages)
        yield _counter(names.EVENTS, "What the stage's own counters say.", self._counted, "event")
        yield _counter(names.DROPPED_FRAMES, "Frames of 20 ms that were dropped, by why.", self._dropped, "reason")
        yield _gauges(names.BUFFER_MESSAGES, "Messages that wait, of all sessions together.", self._waiting, "buffer")
        yield _gauges(names.BUFFER_FULLEST, "Messages that wait, of the worst session.", self._fullest, "buffer")


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=value)


def _gauges(name: str, what: str, values: Mapping[str, int], label: str) -> Metric:
    family = GaugeMetricFamily(name, what, labels=(label,))
    for key, value in sorted(values.items()):
        family.add_metric((key,), value)
    return family


def _counter(name: str, what: str, values: Mapping[str, int], label: str) -> Metric:
    family = CounterMetricFamily(name, what, labels=(label,))
    for key, value in sorted(values.items()):
        family.add_metric((key,), value)
    return family
