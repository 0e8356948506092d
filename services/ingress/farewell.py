"""Farewell: the last word to a client: why the conversation is over, for the person and for programs."""

from __future__ import annotations

from typing import Final, TypeAlias

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import stream_pb2

Code: TypeAlias = "client.Closed.Code.ValueType"

OVER: Final = "The conversation is over."
WORDS: Final[dict[Code, str]] = {
    client.Closed.CODE_SILENCE: "Nobody has said anything for a while, so the conversation was ended.",
    client.Closed.CODE_GOODBYE: "You said goodbye.",
    client.Closed.CODE_ASSISTANT: "The assistant has ended the conversation.",
    client.Closed.CODE_BUDGET: "The conversation has cost as much as it may.",
    client.Closed.CODE_TIME: "The conversation has lasted as long as it may.",
    client.Closed.CODE_OPERATOR: "An operator ended the conversation.",
    client.Closed.CODE_DRAINING: "This server is going away; call again.",
    client.Closed.CODE_FAULT: "The conversation ended because of a fault.",
}
"""What is said where whoever ends it gives no words; `OVER` for the rest."""

_CODES: Final[dict[stream_pb2.Hangup.Reason.ValueType, Code]] = {
    stream_pb2.Hangup.REASON_SILENCE: client.Closed.CODE_SILENCE,
    stream_pb2.Hangup.REASON_GOODBYE: client.Closed.CODE_GOODBYE,
    stream_pb2.Hangup.REASON_ASSISTANT: client.Closed.CODE_ASSISTANT,
    stream_pb2.Hangup.REASON_BUDGET: client.Closed.CODE_BUDGET,
    stream_pb2.Hangup.REASON_TIME: client.Closed.CODE_TIME,
}


def farewell(code: Code, words: str = "") -> client.ConverseResponse:
    """Return the last message to a client."""
    reason = words.strip() or WORDS.get(code, OVER)
    return client.ConverseResponse(closed=client.Closed(reason=reason, code=code))


def code_of(reason: stream_pb2.Hangup.Reason.ValueType) -> Code:
    """Return what a client is told of the reason for which the broker hangs up."""
    return _CODES.get(reason, client.Closed.CODE_UNSPECIFIED)


def counter_of(reason: stream_pb2.Hangup.Reason.ValueType) -> str:
    """Return the counter of sessions that were ended so."""
    known = reason in _CODES
    return (
        f"hangup_{stream_pb2.Hangup.Reason.Name(reason).removeprefix('REASON_').lower()}" if known else "hangup_other"
    )
