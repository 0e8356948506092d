"""The frames among the vectors, as Python sees them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "frames"


@dataclass(frozen=True, slots=True)
class FrameVector:
    """One frame of a WebSocket: its bytes, who sends it, and what it means."""

    file: str
    name: str
    why: str
    sender: str
    """ "client" or "server"."""
    binary: bytes | None
    """A binary frame."""
    text: bytes | None
    """A text frame, as UTF-8; where it is bad on purpose, not even that."""
    means: dict[str, Any] | None
    """The message in protobuf's JSON mapping. None: the frame is not valid."""
    canonical: bool
    """Whether writing the message must give this frame."""

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"

    @property
    def valid(self) -> bool:
        """Whether it is to be read."""
        return self.means is not None


def frames() -> list[FrameVector]:
    """Return all frames there are. Raises ValueError for a file that does not keep to the form."""
    return [_frame(path.stem, entry) for path in sorted(FOLDER.glob("*.json")) for entry in _entries(path)]


def _entries(path: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return entries


_KNOWN = {"name", "why", "from", "binary", "text", "textHex", "valid", "means", "canonical"}


def _frame(file: str, entry: dict[str, Any]) -> FrameVector:
    name = entry.get("name", "?")
    bodies = [key for key in ("binary", "text", "textHex") if key in entry]
    if unknown := set(entry) - _KNOWN:
        raise ValueError(f"{file}: {name}: unknown: {', '.join(sorted(unknown))}")
    if len(bodies) != 1 or entry["from"] not in ("client", "server") or entry["valid"] != ("means" in entry):
        raise ValueError(f"{file}: {name}: one body, a sender, and `means` just where it is valid")
    text = entry["text"].encode() if "text" in entry else bytes.fromhex(entry.get("textHex", ""))
    return FrameVector(
        file,
        name,
        entry["why"],
        entry["from"],
        bytes.fromhex(entry["binary"]) if "binary" in entry else None,
        None if "binary" in entry else text,
        entry.get("means"),
        entry.get("canonical", False),
    )
