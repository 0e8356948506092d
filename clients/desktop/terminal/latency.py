"""Where a turn's time went, in one line: from the person's last sound to the first of the answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ENDPOINT = ("vad.endpoint",)
MODEL = ("broker.commit", "model.first_audio")
FIRST_SAMPLE = ("egress.first_frame", "client.first_sample")


@dataclass(frozen=True, slots=True)
class Latency:
    """One turn's, in milliseconds."""

    turn: int
    endpoint_ms: float
    """The pause that showed that the person had finished."""
    model_ms: float
    """Until the model's first sound, its queue included."""
    first_sample_ms: float
    """From there until that left the speaker."""

    @property
    def total_ms(self) -> float:
        """So long the person waited: the stages join without a gap."""
        return self.endpoint_ms + self.model_ms + self.first_sample_ms

    def words(self, *, narrow: bool = False) -> str:
        """Return the line."""
        end, model, first = self.endpoint_ms, self.model_ms, self.first_sample_ms
        if narrow:
            return f"{self.total_ms:.0f} ms: end {end:.0f}, model {model:.0f}, out {first:.0f}"
        shares = f"endpoint {end:.0f} + model {model:.0f} + first sample {first:.0f}"
        return f"turn {self.turn}: {self.total_ms:.0f} ms = {shares}"


def latency_of(turn: int, stages: Iterable[tuple[str, float]]) -> Latency | None:
    """Return a report's; None where nothing of the way to the answer is told (a reply of its own accord)."""
    ms = dict(stages)
    if not any(name in ms for name in (*ENDPOINT, *MODEL)):
        return None
    parts = (sum(ms.get(name, 0.0) for name in names) for names in (ENDPOINT, MODEL, FIRST_SAMPLE))
    return Latency(turn, *parts)
