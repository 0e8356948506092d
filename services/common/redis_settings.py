"""Redis settings: the address, and what belongs to it and is better kept apart: a password, a CA."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from services.common.errors import SettingsFault

if TYPE_CHECKING:
    from services.common.settings import Environment

URL: Final = "PARLEY_REDIS_URL"
PASSWORD: Final = "PARLEY_REDIS_PASSWORD"
CA: Final = "PARLEY_REDIS_CA"

DEFAULT: Final = "redis://127.0.0.1:6379/0"


def redis_url(env: Environment) -> str:
    """Return the whole address. Raises SettingsFault for parts that do not go together."""
    url = env.secret(URL) or DEFAULT
    if password := env.secret(PASSWORD):
        url = _with_password(url, password)
    if ca := env.text(CA):
        url = _with_ca(url, ca)
    return url


def _with_password(url: str, password: str) -> str:
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    user, _, hosts = authority.rpartition("@")
    if ":" in user or re.search(r"[?&]password=", url):
        raise SettingsFault(f"{PASSWORD} is set, and {URL} holds a password, too: take one of them away.")
    if scheme == "unix":
        raise SettingsFault(f"{PASSWORD} does not go with a socket: write {URL}=unix:///path?password=…")
    return f"{scheme}{separator}{user}:{quote(password, safe='')}@{hosts}{slash}{path}"


def _with_ca(url: str, ca: str) -> str:
    if not url.lower().startswith("rediss"):
        raise SettingsFault(
            f"{CA} is set, and {URL} is not encrypted: it must begin with rediss:// (or rediss+sentinel://)."
        )
    try:
        if "-----BEGIN" not in Path(ca).read_text():
            raise SettingsFault(f"{CA}={ca!r} holds no certificate in PEM form.")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", "") or "it is no text"
        raise SettingsFault(f"{CA}={ca!r} can't be read: {why}.") from error
    return f"{url}{'&' if '?' in url else '?'}ssl_ca_certs={quote(ca)}"
