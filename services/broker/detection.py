"""Detection: whose ear says where a turn ends, as the model is told of it.

What is explicit here is so on purpose: the documentation names 500 ms as the default of a server's silence, the server
uses 200. In no mode does the model answer or break off by itself: when to ask is our decision, and on interruptions
ours is the only one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.broker.manner import TurnMode


@dataclass(frozen=True)
class Detection:
    """The figures of `server_vad` are a little harder of hearing than the server's own (0.5), against false starts."""

    turns: TurnMode = TurnMode.PARLEY
    eagerness: str = "auto"
    """How soon `semantic_vad` ends a turn: low, medium, high, or auto; after 8, 4, 2 (auto: 4) s at the latest."""
    threshold: float = 0.6
    prefix_ms: int = 300
    """What `server_vad` takes of the audio before it heard speech."""
    silence_ms: int = 500

    def told(self) -> dict[str, Any] | None:
        """Return the session's `turn_detection`."""
        match self.turns:
            case TurnMode.PARLEY:
                return None
            case TurnMode.SEMANTIC_VAD:
                chosen: dict[str, Any] = {"type": "semantic_vad", "eagerness": self.eagerness}
            case TurnMode.SERVER_VAD:
                chosen = {
                    "type": "server_vad",
                    "threshold": self.threshold,
                    "prefix_padding_ms": self.prefix_ms,
                    "silence_duration_ms": self.silence_ms,
                }
        return {**chosen, "create_response": False, "interrupt_response": False}
