"""Hosts: which addresses are this machine's, and which are near enough to be trusted with plain HTTP."""

from __future__ import annotations

import ipaddress

_PRIVATE_ENDINGS = (".local", ".internal", ".lan", ".localhost", ".home.arpa")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_private(host: str) -> bool:
    """Whether a host is on this machine or its own network: a private address, or a name that no public one is like.

    A name without a dot is a container's or a neighbour's.
    """
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE_ENDINGS)
    return address.is_private and not address.is_unspecified
