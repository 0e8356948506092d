"""Version: which version of the client protocol both ends speak. Each end names a range; the newest common one wins."""

from __future__ import annotations

from typing import Final

from parley.v1 import conversation_service_pb2 as client
from services.common.errors import VersionFault

OLDEST: Final = 1
NEWEST: Final = 1


def common_version(opened: client.Open, oldest: int = OLDEST, newest: int = NEWEST) -> int:
    """Return the newest version that the client and this server (`oldest` to `newest`) both speak.

    Raises:
        VersionFault: there is none, or the client names none.
    """
    if not opened.protocol:
        raise VersionFault(f"open names no protocol version; this server speaks {_range(oldest, newest)}.")
    client_oldest = opened.oldest_protocol or opened.protocol
    if client_oldest > opened.protocol:
        raise VersionFault(
            f"open names {client_oldest} as its oldest and {opened.protocol} as its newest protocol version; "
            "`oldest_protocol` is at most `protocol`."
        )
    version = min(opened.protocol, newest)
    if version < max(client_oldest, oldest):
        older = "client" if opened.protocol < oldest else "server"
        raise VersionFault(
            f"this server speaks {_range(oldest, newest)} of the client protocol, "
            f"the client {_range(client_oldest, opened.protocol)}: update the {older}."
        )
    return version


def _range(oldest: int, newest: int) -> str:
    return f"version {newest}" if oldest == newest else f"versions {oldest} to {newest}"
