"""Meter of ingress: what of people's sound was dropped, what waits, and whose sessions others have taken.

Looked up once a second, from what the sessions count anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from services.common import names
from services.common.audio import MIC_HZ, REPLY_HZ
from services.ingress.session import Session

_FRAMES_PER_S: Final = 50

SLOW_CLIENT: Final = "slow_client"
NOT_RETAINED: Final = "not_retained"
DEAD: Final = "dead_reply"
TOO_EARLY: Final = "before_opened"


def drops(over: Mapping[str, int], sessions: Iterable[Session]) -> dict[str, int]:
    """Return how many frames of 20 ms were dropped so far: of sessions that are `over`, and of those that go on."""
    slow, retained, dead = (
        over.get(name, 0) for name in ("client_audio_dropped", "mic_samples_not_retained", "dead_samples_stopped")
    )
    for session in sessions:
        slow += session.to_client.statistics.dropped
        retained += session.uplink.retention.dropped_samples
        dead += session.downlink.counters["dead_samples_stopped"]
    return {
        SLOW_CLIENT: slow,
        NOT_RETAINED: retained * _FRAMES_PER_S // MIC_HZ,
        DEAD: dead * _FRAMES_PER_S // REPLY_HZ,
        TOO_EARLY: over.get("mic_frames_before_opened", 0),
    }


def buffers(sessions: Iterable[Session]) -> dict[str, list[int]]:
    """Return how many messages wait in each session's buffers."""
    lengths = [
        (len(each.to_client), len(each.to_vad), len(each.to_egress), len(each.uplink.retention)) for each in sessions
    ]
    kinds = ("to_client", "to_vad", "to_egress", "retained")
    return {kind: [each[number] for each in lengths] for number, kind in enumerate(kinds)}


class LostLeases(Collector):
    """Tells how often a session of this process was found to be somebody else's."""

    def __init__(self, lost: Callable[[], int]) -> None:
        self._lost = lost

    def collect(self) -> Iterator[Metric]:
        """Tell how it stands."""
        words = "Sessions that another ingress had taken when their lease was to be renewed."
        yield CounterMetricFamily(names.LEASES_LOST, words, value=self._lost())
