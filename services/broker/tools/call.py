"""One call of a tool: what is asked, and what came of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from parley.v1 import session_pb2 as wire

Status = wire.ToolCall.Status

MOST_BYTES: Final = 64 * 1024
"""Of a tool's answer the model is given so much; everything that it reads costs tokens, again in each later turn."""

_LONGEST_ID: Final = 64
DONE_WORDS: Final = "Done."


@dataclass(frozen=True)
class ToolRequest:
    """A call as the model made it. After a broker died its successor makes the same one of the history."""

    call_id: str
    name: str
    arguments: str
    """JSON as the model wrote it."""
    session: str
    turn: int
    agent: str = ""

    @property
    def idempotency_key(self) -> str:
        """The same for every try of this call, whoever makes it, and no other's.

        The model's id alone would not do: some servers count their calls from 1 at each connection.
        """
        digest = hashlib.sha256(f"{self.turn}\n{self.name}\n{self.arguments}".encode("utf-8", "replace")).hexdigest()
        return f"{header_safe(self.session)}-{header_safe(self.call_id)}-{digest[:12]}"


@dataclass(frozen=True)
class Outcome:
    """What the model is told, and how the call went: STATUS_DONE, STATUS_FAILED or STATUS_UNKNOWN."""

    output: str
    status: Status.ValueType


def done(output: str) -> Outcome:
    """The tool was carried out, and this is its answer, cut at `MOST_BYTES`."""
    data = output.encode("utf-8", "replace")
    if len(data) > MOST_BYTES:
        output = (
            f"{data[:MOST_BYTES].decode('utf-8', 'ignore')}\n[Cut here: the answer is longer than {MOST_BYTES} bytes.]"
        )
    else:
        output = data.decode()
    return Outcome(output if output.strip() else DONE_WORDS, wire.ToolCall.STATUS_DONE)


def failed(why: str) -> Outcome:
    """The tool was not carried out, or says itself that it failed."""
    return Outcome(f"Failed: {why}", wire.ToolCall.STATUS_FAILED)


def unknown(why: str) -> Outcome:
    """Nobody can say whether the tool was carried out."""
    words = (
        f"Outcome unknown: {why} It may or may not have been carried out. Do not call it again by yourself: "
        "say so, and find out first, or ask."
    )
    return Outcome(words, wire.ToolCall.STATUS_UNKNOWN)


def header_safe(text: str) -> str:
    """Return an id as it may stand in a header; a long one is replaced by its hash."""
    safe = quote(text, safe="", errors="replace")
    return safe if len(safe) <= _LONGEST_ID else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
