"""Moments: the steps of a turn and of an interruption, as each stage writes them into its log under one name.

The names are a promise: somebody searches the log for them. docs/logs.md has the list.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from services.common.logs import fields

SPEECH_OVER_REPLY: Final = "speech over reply"
REPLY_GOES_ON: Final = "reply goes on"
INTERRUPTED: Final = "interrupted"
BUFFERS_CLEARED: Final = "buffers cleared"
CLIENT_SILENT: Final = "client silent"
LISTENING_AGAIN: Final = "listening again"
TURN_ENDED: Final = "turn ended"
RESPONSE_CREATED: Final = "response created"
TURN_OVER: Final = "turn over"
MOMENTS: Final = (
    SPEECH_OVER_REPLY,
    REPLY_GOES_ON,
    INTERRUPTED,
    BUFFERS_CLEARED,
    CLIENT_SILENT,
    LISTENING_AGAIN,
    TURN_ENDED,
    RESPONSE_CREATED,
    TURN_OVER,
)

_NUMBERS: Final = ("turn", "reply", "seq")


def note(log: logging.Logger, moment: str, session: str, words: str = "", **known: Any) -> None:
    """Write a moment of a session into the log: with its `turn`, `reply` and `seq`, and what else is `known`.

    What is 0 or "" is not known, and left out. `words` explain it to people.
    """
    if not log.isEnabledFor(logging.INFO):
        return
    numbers = "".join(f", {name} {known[name]}" for name in _NUMBERS if known.get(name))
    told = f"{moment}{numbers}: {words}" if words else f"{moment}{numbers}"
    log.info("session %s: %s", session, told, extra=fields(event=moment, **known))
