"""Addresses: the URLs that a profile names, checked once, at start. No model chooses where a request goes."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from services.common.section import Section

_OWN_NETWORK: Final = (".svc", ".svc.cluster.local", ".internal", ".localhost")


def web_address(section: Section, key: str) -> str:
    """Return an http:// or https:// URL that can be reached, and holds no secret. Raises SettingsFault."""
    url = section.text(key, kind="a URL")
    if not url:
        raise section.fault(key, "must be given.")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not parts.fragment
    except ValueError:  # a port that is no number, a bracket that isn't closed
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise section.fault(key, f"must be like https://shop.example/api: http:// or https://, a host, not {url!r}.")
    if "@" in parts.netloc:
        raise section.fault(key, "must hold no user and no password: keep them out of the file, in the environment.")
    return url


def keep_secret(section: Section, key: str, url: str) -> None:
    """Raise SettingsFault when what goes to a URL would travel unencrypted beyond the operator's network."""
    parts = urlsplit(url)
    if parts.scheme == "http" and not stays_inside(parts.hostname or ""):
        raise section.fault(key, f"would travel unencrypted to {parts.hostname}: use https://.")


def stays_inside(host: str) -> bool:
    """Say whether a host is on this machine or the operator's own network, where a secret may travel unencrypted."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_OWN_NETWORK)
    return address.is_loopback or address.is_private
