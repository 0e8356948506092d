"""What a wire does to what passes: nothing, lose it, hold it up, or let only so much through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

QUEUE_BYTES: Final = 128 * 1024
"""What waits for a narrow wire at most; what comes beyond that is dropped, as routers do."""


@dataclass(frozen=True)
class Rule:
    """What happens to each packet: the default is nothing."""

    cut: bool = False
    """Nothing passes, and nobody is told."""
    delay_ms: float = 0.0
    """How much later it arrives, at least."""
    jitter_ms: float = 0.0
    """How much later than that, at most, by chance; packets stay in order."""
    bytes_per_s: float = 0.0
    """How much passes in a second; 0: no limit."""
    queue_bytes: int = QUEUE_BYTES
    """How much waits for its turn at most, where there is a limit."""
    loss: float = 0.0
    """The share of packets that is lost, by chance: 0 to 1."""
