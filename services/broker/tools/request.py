"""The request of an HTTP tool: arguments go into the path where the URL names them, the rest into query or body.

The model chooses neither host nor path: a value is percent-encoded, so that it stays within its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from services.broker.tools.declaration import HttpEndpoint

PLACE: Final = re.compile(r"\{([A-Za-z0-9_-]+)\}")
"""Where an argument stands in a path."""

MOST_CHARS: Final = 8_000
"""Of a URL; servers refuse longer ones."""

_IN_QUERY: Final = frozenset({"GET", "DELETE"})


class BadUrl(Exception):
    """The arguments make no URL; the message tells the model why."""


def url_of(way: HttpEndpoint, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the URL of a call, and the arguments that its body is to carry. Raises BadUrl."""
    rest = dict(arguments)
    base, question, query = way.url.partition("?")
    path = PLACE.sub(lambda place: _in_path(place[1], arguments), base)
    for name in PLACE.findall(base):
        rest.pop(name, None)
    if way.method in _IN_QUERY:
        added = urlencode([pair for name, value in rest.items() for pair in _in_query(name, value)], errors="replace")
        query, rest = "&".join(part for part in (query, added) if part), {}
        question = "?" if query else ""
    url = f"{path}{question}{query}"
    if len(url) > MOST_CHARS:
        raise BadUrl(f"the arguments are too long: the URL has {len(url)} characters. Call again with shorter ones.")
    return url, rest


def body_of(way: HttpEndpoint, rest: Mapping[str, Any]) -> bytes | None:
    """Return the body: a JSON object in ASCII; None for a method that has none."""
    return None if way.method in _IN_QUERY else json.dumps(rest, separators=(",", ":")).encode()


def _in_path(name: str, arguments: Mapping[str, Any]) -> str:
    value = arguments.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadUrl(f"{name} must be a text or a number. Call again.")
    text = str(value).strip()
    if text in ("", ".", ".."):
        raise BadUrl(f"{name} must not be {text!r}. Call again.")
    return quote(text, safe="", errors="replace")


def _in_query(name: str, value: object) -> Iterator[tuple[str, str]]:
    """A list repeats its name, null is left out, and what is an object is written as JSON."""
    for one in value if isinstance(value, list) else [value]:
        match one:
            case None:
                continue
            case bool() | dict() | list():
                yield name, json.dumps(one, separators=(",", ":"))
            case _:
                yield name, str(one)
