"""Held replies: how much of what the model has said is still to be sent to people, over all sessions of this egress."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from services.common import names
from services.common.audio import REPLY_HZ


class HeldReplies(Collector):
    """Tells it in seconds. `samples` is asked by the thread of a scrape, so it must be a number that is there."""

    def __init__(self, samples: Callable[[], int]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        """Tell how it stands."""
        words = "Sound of replies that egress holds and has not sent, in seconds, of all sessions together."
        yield GaugeMetricFamily(names.HELD_SECONDS, words, value=self._samples() / REPLY_HZ)
