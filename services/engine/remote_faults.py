"""What can go wrong with a part that is an HTTP server, in words that say what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from services.engine.parts import PartError

_LONGEST_QUOTE = 200


@dataclass(frozen=True, slots=True)
class RemoteName:
    """How messages name a server: what it is ("the language model"), where, which model, and the settings' prefix."""

    what: str
    url: str
    model: str
    prefix: str


def refusal(name: RemoteName, status: int, body: bytes, retry_after: str = "") -> PartError:
    """The error for an HTTP status other than 200, from the status and what the server says."""
    said = _said(body)
    where = f"{name.what} at {name.url}"
    quote = f" It says: {said}" if said else ""
    if status in (401, 403):
        message = f"{where} does not take the key (HTTP {status}): set {name.prefix}_KEY or {name.prefix}_KEY_FILE."
        return PartError("unauthorized", message + quote)
    if status == 404:
        message = (
            f"{where} does not know the model {name.model!r}, or is no OpenAI-compatible server: fetch the model (at "
            f"Ollama: ollama pull {name.model}), or set {name.prefix}_MODEL, or {name.prefix}_URL (most end in /v1)."
        )
        return PartError("model_not_found", message + quote)
    if status == 429:
        wait = f"try again in {retry_after} s" if retry_after.isdigit() else "try again in a moment"
        return PartError(
            "rate_limit_exceeded", f"{where} has had too many requests, or its account no more credit: {wait}.{quote}"
        )
    if 300 <= status < 400:
        return PartError("bad_answer", f"{where} redirects: set {name.prefix}_URL to where it really is.")
    if status >= 500:
        return PartError("server_error", f"{where} broke (HTTP {status}): look at its log.{quote}")
    return PartError("refused", f"{where} refuses the request (HTTP {status}).{quote}")


def _said(body: bytes) -> str:
    """The server's own message, in one line; empty if there is none that a person could read."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    for field in ("error", "detail", "message"):
        said = answer.get(field) if isinstance(answer, dict) else None
        if isinstance(said, dict):
            said = said.get("message")
        if isinstance(said, str):
            return " ".join(said.split())[:_LONGEST_QUOTE]
    return ""


def told_in_stream(name: RemoteName, event: object) -> PartError:
    """The error that a server tells of in the middle of its answer."""
    said = _said(json.dumps(event).encode())
    return PartError("server_error", f"{name.what} at {name.url} broke while it answered. {said}".rstrip())


def bad_answer(name: RemoteName, why: str) -> PartError:
    """What came is no answer."""
    return PartError("bad_answer", f"{name.what} at {name.url} gave no proper answer: {why}.")


def broken_off(name: RemoteName) -> PartError:
    """The answer ended before it was complete."""
    return PartError("incomplete", f"{name.what} at {name.url} broke off in the middle of its answer: look at its log.")


def too_slow(name: RemoteName, patience_s: float) -> PartError:
    """Nothing came in time."""
    return PartError(
        "too_slow",
        f"{name.what} at {name.url} sent nothing for {patience_s:g} s: it may still be loading the model "
        f"{name.model!r}; take a smaller one, or set {name.prefix}_PATIENCE_S higher.",
    )


@contextmanager
def mapped(name: RemoteName, patience_s: float) -> Iterator[None]:
    """Turn what httpx raises into PartError."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        message = f"{name.what} at {name.url} can't be reached: is it running? Else set {name.prefix}_URL. ({error})"
        raise PartError("unreachable", message) from error
    except httpx.TimeoutException as error:
        raise too_slow(name, patience_s) from error
    except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
        raise broken_off(name) from error
    except httpx.DecodingError as error:
        raise bad_answer(name, "it can't be decompressed") from error
    except httpx.HTTPError as error:
        raise PartError("unreachable", f"{name.what} at {name.url}: {error or type(error).__name__}") from error
