"""Errors that a client is told: each names what is wrong, where, and what to do; the session goes on."""

from __future__ import annotations

from typing import Any


class ClientError(Exception):
    """A client event that cannot be done. It changes nothing, and is told to the client as an `error` event.

    `code` is for programs and is OpenAI's where OpenAI has one; `param` is the path of the field at fault.
    """

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


def error_event(error: ClientError, client_event_id: str | None) -> dict[str, Any]:
    """The `error` event for a client event; carries that event's id if it had one."""
    details = {
        "type": "invalid_request_error",
        "code": error.code,
        "message": str(error),
        "param": error.param,
        "event_id": client_event_id,
    }
    return {"type": "error", "error": details}


def missing(path: str) -> ClientError:
    """A field that must be there is not."""
    return ClientError("missing_required_parameter", f"Missing required parameter: '{path}'.", path)


def unknown(path: str) -> ClientError:
    """A field that does not exist."""
    return ClientError("unknown_parameter", f"Unknown parameter: '{path}'.", path)


def wrong_type(path: str, wanted: str) -> ClientError:
    """A field of another type than it must have; `wanted` is like "a string"."""
    return ClientError("invalid_type", f"Invalid type for '{path}': it must be {wanted}.", path)


def wrong_value(path: str, rule: str) -> ClientError:
    """A field whose value cannot be; `rule` is what holds instead, like "it must be from 0 to 1"."""
    return ClientError("invalid_value", f"Invalid value for '{path}': {rule}.", path)
