"""Turn detection as a client sets it: `server_vad`, `semantic_vad`, or none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from services.engine.protocol.fields import Fields, boolean_at, choice_at, integer_at, needed, number_at, only

SERVER_VAD: Final[Fields] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
"""The defaults, as OpenAI documents them. (Its server was seen to take 200 ms of silence by itself: too short for ours,
which would end turns within sentences.)"""

SEMANTIC_VAD: Final[Fields] = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}

_DEFAULTS: Final = {"server_vad": SERVER_VAD, "semantic_vad": SEMANTIC_VAD}
_LONGEST_PADDING_MS: Final = 10_000
_SHORTEST_SILENCE_MS, _LONGEST_SILENCE_MS = (
    32,
    10_000,
)  # one window of the voice activity; and longer than anybody waits
_IDLE_MS: Final = (5_000, 30_000)


@dataclass(frozen=True, slots=True)
class Detection:
    """What the ear goes by. `eagerness` None is server_vad, which goes by the length of the silence alone."""

    threshold: float
    prefix_ms: int
    silence_ms: int
    eagerness: str | None
    idle_timeout_ms: int | None
    creates: bool
    """A turn that ends is answered."""
    interrupts: bool
    """A turn that begins cancels the reply."""

    @classmethod
    def read(cls, fields: Fields) -> Detection:
        """Take checked fields; what a kind of detection does not set is as server_vad has it."""
        whole = {**SERVER_VAD, **fields}
        return cls(
            threshold=whole["threshold"],
            prefix_ms=whole["prefix_padding_ms"],
            silence_ms=whole["silence_duration_ms"],
            eagerness=fields.get("eagerness"),
            idle_timeout_ms=whole["idle_timeout_ms"],
            creates=whole["create_response"],
            interrupts=whole["interrupt_response"],
        )


def detection_at(change: Fields, current: Fields | None, path: str) -> Fields:
    """The settings after a change: those of the same kind stay, null brings the default back. Raises ClientError."""
    if current is None or "type" in change:
        kind = choice_at(needed(change, "type", path), f"{path}.type", _DEFAULTS)
    else:
        kind = current["type"]
    defaults = _DEFAULTS[kind]
    only(change, defaults, path)
    merged = dict(current if current is not None and current["type"] == kind else defaults)
    for name, value in change.items():
        merged[name] = defaults[name] if value is None else _checked(name, value, f"{path}.{name}")
    return merged


def _checked(name: str, value: object, path: str) -> Any:
    match name:
        case "threshold":
            return number_at(value, path, 0.0, 1.0)
        case "prefix_padding_ms":
            return integer_at(value, path, 0, _LONGEST_PADDING_MS)
        case "silence_duration_ms":
            return integer_at(value, path, _SHORTEST_SILENCE_MS, _LONGEST_SILENCE_MS)
        case "idle_timeout_ms":
            return integer_at(value, path, *_IDLE_MS)
        case "eagerness":
            return choice_at(value, path, ("low", "medium", "high", "auto"))
        case "type":
            return value
        case _:
            return boolean_at(value, path)
