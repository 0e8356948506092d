"""Faults of the model in our words: what it is told to be unable to do, and whether trying again may help."""

from __future__ import annotations

from typing import Final

from services.broker.event import Event, text
from services.common.errors import ModelFault

BUSY: Final = "conversation_already_has_active_response"
COMMIT_EMPTY: Final = "input_audio_buffer_commit_empty"

HARMLESS: Final = frozenset({"response_cancel_not_active", "item_delete_invalid_item_id"})
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


class ModelRefused(ModelFault):
    """The model refuses on grounds that trying again doesn't change: a key, an account, a setting."""

    retryable = False


def code_of(error: Event) -> str:
    """Return what an error is for programs: its code, or its type where it has none."""
    return text(error, "code") or text(error, "type")


def ending(error: Event) -> ModelFault | None:
    """Return the fault by which an error ends the conversation, or None when it goes on."""
    kinds = {text(error, "code"), text(error, "type")}
    message = text(error, "message") or code_of(error)
    if kinds & _FATAL:
        return ModelRefused(f"the model refused to go on: {message} Check the account and OPENAI_API_KEY.")
    if "session_expired" in kinds:
        return ModelFault(f"the model's session has run out: {message} Start a new conversation.")
    return None


def refusal(place: str, status: int) -> ModelFault:
    """Put the HTTP status of a refused call into words; `place` is the model's URL without secrets."""
    if status in (401, 403):
        return ModelRefused(f"the model at {place} refused the key (HTTP {status}). Check OPENAI_API_KEY.")
    if status == 429 or status >= 500:
        return ModelFault(f"the model at {place} is busy or down (HTTP {status}). Try again in a moment.")
    return ModelRefused(
        f"the model at {place} refused the call (HTTP {status}). Check PARLEY_MODEL_URL and PARLEY_MODEL."
    )
