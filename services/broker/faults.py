"""Faults of the model in our words: what it is told to be unable to do, and whether trying again may help.

What the server said goes into a fault's detail, for the log; it comes from the edge without secrets (`redaction.py`).
"""

from __future__ import annotations

import json
from typing import Final

from services.broker.event import Event, table, text
from services.common.errors import ModelFault

_MOST_BODY: Final = 10_000

BUSY: Final = "conversation_already_has_active_response"
COMMIT_EMPTY: Final = "input_audio_buffer_commit_empty"

HARMLESS: Final = frozenset(
    {
        "response_cancel_not_active",
        "item_delete_invalid_item_id",
        "item_truncate_invalid_item_id",
        "input_audio_buffer_commit_empty",
        "item_create_duplicate_item_id",
    }
)
"""A response that ended, or an item that went, before our word on it arrived."""

_FATAL: Final = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "billing_hard_limit_reached",
        "invalid_api_key",
        "account_deactivated",
        "model_not_found",
    }
)
"""Codes, by some servers sent as types, after which no call succeeds until somebody has seen to the account."""


_FATAL_CLOSES: Final = frozenset({1003, 1007, 1008, 1010})
"""Codes of a close by which a server says that what it is sent is wrong, not that it can't just now (RFC 6455, 7.4)."""


RUN_OUT: Final = "The assistant's time is up. Please start a new conversation."

_KEY: Final = "the key: OPENAI_API_KEY, or the one that the server's profile names"


class ModelRefused(ModelFault):
    """The model refuses on grounds that trying again doesn't change: a key, an account, a setting."""

    retryable = False
    plain = "The assistant's model refuses to work just now. Please try again later."


def code_of(error: Event) -> str:
    """Return what an error is for programs: its code, or its type where it has none."""
    return text(error, "code") or text(error, "type")


def is_harmless(error: Event) -> bool:
    """Say whether an error only tells that something had happened already when our word on it arrived."""
    return code_of(error) in HARMLESS or "is already shorter than" in text(error, "message")


def ending(error: Event) -> ModelFault | None:
    """Return the fault by which an error ends the conversation, or None when it goes on."""
    kinds = {text(error, "code"), text(error, "type")}
    message = text(error, "message") or code_of(error)
    if kinds & _FATAL:
        return ModelRefused(f"the model refused to go on: {message} Check the account, and {_KEY}.")
    if "session_expired" in kinds:
        return ModelFault(f"the model's session has run out: {message}", message=RUN_OUT)
    return None


def closing(code: int, reason: str) -> ModelFault:
    """Return the fault by which the end of a socket is told: whatever the code, the model has left.

    One of 4000 and more is a server's own and, as those of OpenAI's are, no use to try again; all others that do not
    blame us are, 1000 and 1001 too: nobody had asked for them.
    """
    why = f"code {code}{reason and ': '}{reason}"
    if code in _FATAL_CLOSES or code >= 4000 or any(word in reason for word in _FATAL):
        return ModelRefused(f"the model ended its session ({why}). Check its server's profile, its name and the key.")
    return ModelFault(f"the model ended its session ({why}). Try again in a moment.")


def refusal(place: str, status: int, error: Event) -> ModelFault:
    """Put the refusal of a call into words: HTTP status and error; `place` is the model's URL without secrets."""
    if (fault := ending(error)) is not None and isinstance(fault, ModelRefused):
        return fault
    what = f"HTTP {status}: {message}" if (message := text(error, "message")) else f"HTTP {status}"
    if status in (401, 403):
        return ModelRefused(f"the model at {place} refused the key ({what}). Check {_KEY}.")
    if status in (408, 425, 429) or status >= 500:
        return ModelFault(f"the model at {place} is busy or down ({what}). Try again in a moment.")
    if 300 <= status < 400:
        return ModelRefused(f"the model at {place} sends callers elsewhere ({what}). Set PARLEY_MODEL_URL to there.")
    return ModelRefused(f"the model at {place} refused the call ({what}). Check PARLEY_MODEL_URL and PARLEY_MODEL.")


def error_in(body: bytes) -> Event:
    """Return the error in the body of a response; an empty one where there is none."""
    try:
        document = json.loads(body[:_MOST_BODY])
    except (ValueError, RecursionError):
        return {}
    return table(document, "error") if isinstance(document, dict) else {}
