"""Repairs: what compatible servers leave out, say twice or put elsewhere, put right before the core sees it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from services.broker.event import table, text
from services.broker.upstream.aliases import Aliases
from services.broker.upstream.driver import Message

MOST_WORDS: Final = 1_000
"""Characters of an error's message that are kept."""

_ADDED: Final = frozenset({"conversation.item.added", "conversation.item.created"})
_REMEMBERED: Final = 512
_GENERAL: Final = frozenset({"", "error", "invalid_request_error", "server_error", "api_error", "rate_limit_error"})
"""Types of errors that say nothing which their code would say."""
_FAILED: Final = frozenset({"inference_failed", "prediction_failed", "tts_error"})
"""Codes by which LocalAI tells that a response has failed: no `response.done` follows."""
_STATUSES: Final = frozenset({"completed", "cancelled", "failed", "incomplete"})


class Repairs:
    """Of one connection: it remembers which items were acknowledged, and which response is under way."""

    def __init__(self, aliases: Aliases) -> None:
        self._aliases = aliases
        self._acknowledged: OrderedDict[str, None] = OrderedDict()
        self._response_id = ""

    def repaired(self, message: Message) -> list[Message]:
        """Return what an event in GA's names is for the core."""
        event = self._aliases.incoming(message)
        kind = text(event, "type")
        if kind in _ADDED:
            return self._added(event)
        match kind:
            case "":
                return []
            case "error":
                return [self._error(event)]
            case "conversation.item.deleted":
                self._acknowledged.pop(text(event, "item_id"), None)
            case "response.created":
                self._response_id = text(table(event, "response"), "id")
                return [{**event, "response": _response(event)}]
            case "response.done":
                self._response_id = ""
                return [{**event, "response": _ended(event)}]
        return [event]

    def _added(self, event: Message) -> list[Message]:
        """Of `created` and `added`, which some servers send both, the first is the acknowledgement."""
        if name := text(table(event, "item"), "id"):
            if name in self._acknowledged:
                return []
            self._acknowledged[name] = None
            if len(self._acknowledged) > _REMEMBERED:
                self._acknowledged.popitem(last=False)
        return [{**event, "type": "conversation.item.added"}]

    def _error(self, event: Message) -> Message:
        error = _error_of(event)
        if error["code"] in _FAILED and self._response_id:
            details = {"type": "failed", "error": error}
            response = {"object": "realtime.response", "id": self._response_id, "status": "failed", "output": []}
            self._response_id = ""
            return {
                "type": "response.done",
                "event_id": text(event, "event_id"),
                "response": {**response, "status_details": details},
            }
        return {"type": "error", "event_id": text(event, "event_id"), "error": error}


def _error_of(event: Message) -> dict[str, Any]:
    """Return the error of an event: an object, a string, or the event's own fields; its code where the type has it."""
    told = event.get("error")
    error = {"message": told} if isinstance(told, str) else table(event, "error")
    error = error or {"code": event.get("code"), "message": event.get("message")}
    type_, code = text(error, "type"), error.get("code")
    if isinstance(code, int) and not isinstance(code, bool):
        code = str(code)
    if not isinstance(code, str) or not code:
        code = None if type_ in _GENERAL else type_
    message = text(error, "message") or code or type_ or "the model gave no reason"
    return {
        "type": type_ or "server_error",
        "code": code,
        "message": message[:MOST_WORDS],
        "param": text(error, "param") or None,
        "event_id": text(error, "event_id") or None,
    }


def _response(event: Message) -> dict[str, Any]:
    """Return the response of an event, with an output that is a list and metadata that are an object, or none."""
    response = dict(table(event, "response"))
    if not isinstance(response.get("output"), list):
        response["output"] = []
    if not isinstance(response.get("metadata"), dict):
        response["metadata"] = None
    return response


def _ended(event: Message) -> dict[str, Any]:
    """Return a response that is over: with one of the statuses that one ends by, and its usage where it belongs."""
    response = _response(event)
    if text(response, "status") not in _STATUSES:
        response["status"] = "completed"
    if not isinstance(response.get("status_details"), dict):
        response["status_details"] = None
    usage = response.get("usage") or event.get("usage")
    response["usage"] = usage if isinstance(usage, dict) else None
    return response
