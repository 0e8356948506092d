"""Capabilities: what a model's server can do. The core asks here before it relies on anything."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from services.common.audio import REPLY_HZ

SESSION_S: Final = 3_600.0
"""OpenAI ends a session after an hour."""


class Billing(Enum):
    """What a server charges for."""

    NOTHING = "nothing"
    TOKENS = "tokens"
    SECONDS = "seconds"


@dataclass(frozen=True)
class Capabilities:
    """The defaults are OpenAI's own Realtime server."""

    has_turns: bool = True
    """False: it speaks when it likes, in one endless response (OpenAI's Live API)."""
    manual_turns: bool = True
    """It takes `turn_detection: null`, and commits."""
    commit_responds: bool = False
    """A commit starts the response by itself: no `response.create` may follow (LocalAI)."""
    can_cancel: bool = True
    """`response.cancel` stops a response."""
    can_truncate: bool = True
    """`conversation.item.truncate` makes it forget what was not heard."""
    can_delete: bool = True
    """`conversation.item.delete` makes it forget an item."""
    out_of_band: bool = True
    """It gives responses outside the conversation (`conversation: none`), text ones too."""
    instructions_per_response: bool = True
    """It takes `instructions` and `input` in a `response.create`."""
    echoes_metadata: bool = True
    """`response.created` carries the metadata of its `response.create`."""
    takes_tools: bool = True
    """It calls function tools."""
    takes_mcp: bool = False
    """It calls the tools of remote MCP servers itself."""
    transcribes: bool = True
    """It writes down what the person said."""
    aligned: bool = False
    """It sends each word of a transcript just as its audio begins."""
    speech_events: bool = True
    """With VAD on it says where it hears speech begin and end."""
    semantic_vad: bool = True
    """It has `semantic_vad`, and that works."""
    needs_continuous_input: bool = False
    """A gap in its input stalls it: silence is sent, too."""
    billing: Billing = Billing.TOKENS
    input_hz: int = REPLY_HZ
    output_hz: int = REPLY_HZ
    max_session_s: float = SESSION_S
    """When it ends a session at the latest, where it doesn't say (`expires_at`)."""
