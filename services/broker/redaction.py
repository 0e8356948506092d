"""Redaction: what a model's server says of a fault, before anybody reads it: no secrets, one line, not too long.

Servers echo what they were sent, keys too: "Incorrect API key provided: …". Their words go into logs, so secrets are
struck where they come in, and nowhere else has to think of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

from services.broker.event import Event, table
from services.broker.upstream.driver import Message

MARK: Final = "[secret]"
MOST: Final = 500
"""Characters of what a server says that are kept: room for a reason, and for the pause that it asks for."""

_MOST_OF_A_NAME: Final = 100
_MOST_READ: Final = 4_000
_SHORT: Final = 6
"""A secret shorter than this is struck as a word only: in the middle of another it is probably none."""

_LIKE_SECRETS: Final = re.compile(
    r"(?<![\w-])(?:sk|rk|pk|ek|gsk|xai|hf)[-_][\w.*-]{6,}"  # keys by the beginnings that providers give them
    r"|(?<![\w.-])eyJ[\w-]{8,}(?:\.[\w-]*)*"  # a JSON Web Token
    r"|(?<![\w-])[\w-]*\*{3}[\w*-]*"  # a key that the server has masked itself, in part
    r"|(?<=://)[^\s/@]+(?=@)"  # a URL's user and password
)
_SHOWN: Final = re.compile(r"(?i)\b(bearer|basic)\s+(?!auth|tokens?\b|keys?\b|scheme|header|access)[\w.~+/=*-]{4,}")
_NAMED: Final = re.compile(r"(?i)\b([\w-]*(?:key|token|secret|password|signature)[\"']?=)[^\s&]+")
_QUERY: Final = re.compile(r"(://[^\s?#]{1,300})\?\S+")


class Redaction:
    """Knows the secrets of one server, as it was shown them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        shown = {form for secret in secrets if secret for form in (secret, quote(secret, safe=""))}
        self._secrets = sorted(shown, key=len, reverse=True)  # one may be the beginning of another
        self._known = re.compile("|".join(map(_pattern, self._secrets))) if self._secrets else None

    def words(self, said: str, most: int = MOST) -> str:
        """Return what a server said as it may be shown, in one line of at most `most` characters."""
        line = " ".join("".join(c if c.isprintable() else " " for c in said[:_MOST_READ]).split())
        if self._known is not None:
            line = self._known.sub(MARK, line)
        line = _QUERY.sub(r"\1", self._without_a_beginning(line))
        line = _NAMED.sub(rf"\1{MARK}", _SHOWN.sub(rf"\1 {MARK}", line))
        line = _LIKE_SECRETS.sub(MARK, line)
        return line if len(line) <= most else f"{line[: most - 1]}…"

    def _without_a_beginning(self, line: str) -> str:
        """Strike a secret that the server's own bound has cut, as that of a close reason does: 123 bytes."""
        for secret in self._secrets:
            for size in range(len(secret) - 1, _SHORT - 1, -1):
                if line.endswith(secret[:size]):
                    return f"{line[:-size]}{MARK}"
        return line

    def error(self, error: Event) -> dict[str, Any]:
        """Return an error with its words struck; the id of the event that it answers stays, for that is ours."""
        struck = dict(error)
        for name, value in error.items():
            if isinstance(value, str) and name != "event_id":
                struck[name] = self.words(value, MOST if name == "message" else _MOST_OF_A_NAME)
        return struck

    def event(self, event: Message) -> Message:
        """Return an event with its error struck, wherever one may stand in it."""
        if error := table(event, "error"):
            event = {**event, "error": self.error(error)}
        response = table(event, "response")
        details = table(response, "status_details")
        if error := table(details, "error"):
            details = {**details, "error": self.error(error)}
            event = {**event, "response": {**response, "status_details": details}}
        return event


def _pattern(secret: str) -> str:
    return re.escape(secret) if len(secret) >= _SHORT else rf"(?<!\w){re.escape(secret)}(?!\w)"
