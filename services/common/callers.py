"""Callers: which stage may call which method of another, by the name in the certificate that it shows.

A signature of the ring's CA says that somebody is a stage; its name says which one. So whoever gets at egress'
certificate can't have the broker spend money, nor listen at vad.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

CALLERS: Final[Mapping[str, str]] = {
    "/parley.v1.VadService/Listen": "ingress",
    "/parley.v1.BrokerService/Respond": "vad",
    "/parley.v1.EgressService/Attach": "ingress",
    "/parley.v1.EgressService/Speak": "broker",
}
"""The one stage that dials each method. Health is everybody's who has a certificate of the ring."""

_NAMES: Final = "peer_dns"
"""gRPC's property that has the DNS names alone: URIs and e-mail addresses beside them name no stage."""


class Seen(Protocol):
    """A call, as far as it says who makes it."""

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Return what TLS knows of the peer."""


class Callers:
    """Who may call this process. `ring_name` is the one name that all certificates have, where that is so."""

    def __init__(self, ring_name: str = "") -> None:
        self._ring_name = ring_name

    def refusal(self, method: str, names: Iterable[str]) -> str:
        """Say why who shows such names may not call a method; "" where they may."""
        caller, shown = CALLERS.get(method, ""), list(names)
        if (self._ring_name or caller) in shown and caller:
            return ""
        stage, _, verb = method.rpartition(".")[2].partition("Service/")
        wanted = f"for {self._ring_name or caller}" if caller else "that nobody has"
        return (
            f"{verb} of {stage.lower()} takes a certificate {wanted}, and this caller's is for "
            f"{', '.join(shown) or 'no name'}: give each stage one with its own DNS name (docs/tls.md)"
        )


def names_of(call: Seen) -> list[str]:
    """Return the DNS names in the certificate of who calls; none in the clear."""
    return [name.decode(errors="replace") for name in call.auth_context().get(_NAMES, ())]
