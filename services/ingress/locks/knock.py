"""Knock: what is known of a caller before its first message: from where it calls, and a token that came with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from services.ingress.admission import Place

SUBPROTOCOL: Final = "parley.token."
"""A browser can't set a WebSocket's headers, but the subprotocols that it offers: one may be this and a token."""

_BEARER: Final = "bearer"


def _nothing() -> None:
    """Have nothing to give back."""


@dataclass
class Knock:
    """One caller's. A token in `open` goes before this one. None is ever read from a URL: those stand in logs."""

    address: str = ""
    token: str = field(default="", repr=False)
    place: Place = field(default_factory=lambda: Place(_nothing))
    """On the threshold; given back when its session begins, or it goes."""


def bearer(header: str) -> str:
    """Return the token of an `Authorization: Bearer` header; "" for anything else."""
    scheme, _, token = header.strip().partition(" ")
    return token.strip() if scheme.lower() == _BEARER else ""


def offered(subprotocols: Iterable[str]) -> str:
    """Return the token among the subprotocols that a client offers; "" if there is none."""
    names = (name.strip() for header in subprotocols for name in header.split(","))
    return next((name.removeprefix(SUBPROTOCOL) for name in names if name.startswith(SUBPROTOCOL)), "")


def grpc_address(peer: str) -> str:
    """Return the IP address in what gRPC calls a peer: ipv4:127.0.0.1:7, ipv6:%5B::1%5D:7; "" for anything else."""
    family, _, rest = peer.partition(":")
    if family not in ("ipv4", "ipv6"):
        return ""
    return unquote(rest).rpartition(":")[0].strip("[]")
