"""Tally: how often vad's decisions went which way, over all sessions of a process. docs/metrics.md has the words.

Plain numbers, counted as decisions are carried out; Prometheus looks them up when it scrapes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, TypeAlias

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from services.common import names

Kind = session.Interrupt
Cause: TypeAlias = "session.Interrupt.Cause.ValueType"
Why: TypeAlias = "broker.SpeechDismissed.Why.ValueType"

CANCELS: Final = (
    Kind.CAUSE_WORD,
    Kind.CAUSE_SPEECH,
    Kind.CAUSE_TURN_RESUMED,
    Kind.CAUSE_CLIENT,
    Kind.CAUSE_TYPED,
    Kind.CAUSE_OPERATOR,
)
"""What a reply is ended by."""
RELEASES: Final = (Kind.CAUSE_BACKCHANNEL, Kind.CAUSE_NOISE, Kind.CAUSE_TIMEOUT)
"""What a ducked reply goes on after."""
BY_EAR: Final = (Kind.CAUSE_WORD, Kind.CAUSE_SPEECH)
"""Cancels that may be mistakes."""

DUCK: Final = "duck"
CANCEL: Final = "cancel"
_WHYS: Final = (broker.SpeechDismissed.WHY_NOISE, broker.SpeechDismissed.WHY_MUTED)


class Tally(Collector):
    """One process's."""

    def __init__(self) -> None:
        self._cancelled: Counter[str] = Counter({cause_of(cause): 0 for cause in CANCELS})
        self._false: Counter[tuple[str, str]] = Counter()
        self._false.update({(DUCK, cause_of(cause)): 0 for cause in RELEASES})
        self._false.update({(CANCEL, cause_of(cause)): 0 for cause in BY_EAR})
        self._dismissed: Counter[str] = Counter({why_of(why): 0 for why in _WHYS})

    def cancelled(self, cause: Cause) -> None:
        """A reply was ended, or one that was awaited is not wanted any more."""
        self._cancelled[cause_of(cause)] += 1

    def taken_back(self, what: str, cause: Cause) -> None:
        """It was a mistake: a duck that was released, or a cancel by a sound that was no speech."""
        self._false[what, cause_of(cause)] += 1

    def dismissed(self, why: Why) -> None:
        """A sound that began a turn was none."""
        self._dismissed[why_of(why)] += 1

    def collect(self) -> Iterator[Metric]:
        """Tell how everything stands."""
        cancelled = CounterMetricFamily(
            names.INTERRUPTIONS, "Replies that were ended by somebody, by what ended them.", labels=("cause",)
        )
        for cause, count in sorted(self._cancelled.items()):
            cancelled.add_metric((cause,), count)
        yield cancelled
        false = CounterMetricFamily(
            names.FALSE_INTERRUPTIONS,
            "Ducks and cancels that were mistakes, by what they were.",
            labels=("what", "cause"),
        )
        for labels, count in sorted(self._false.items()):
            false.add_metric(labels, count)
        yield false
        dismissed = CounterMetricFamily(
            names.DISMISSED_SOUNDS, "Sounds that began a turn and were no speech.", labels=("why",)
        )
        for why, count in sorted(self._dismissed.items()):
            dismissed.add_metric((why,), count)
        yield dismissed


def cause_of(cause: Cause) -> str:
    """Return a cause in small letters."""
    return Kind.Cause.Name(cause).removeprefix("CAUSE_").lower()


def why_of(why: Why) -> str:
    """Return why a sound was dismissed, likewise."""
    return broker.SpeechDismissed.Why.Name(why).removeprefix("WHY_").lower()
