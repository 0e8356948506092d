"""gRPC's ways of failing, in plain words."""

from __future__ import annotations

from collections.abc import Mapping

import grpc

from .connection_failures import Cause, ConnectionFailed
from .trust import EXPIRED, NO_TLS, NOT_TRUSTED, OTHER_NAME

CAUSES = {
    "connection refused": "connection refused",
    "dns resolution failed": "no such host",
    "lookup error": "no such host",
    "no route to host": "no route to host",
    "network is unreachable": "network is unreachable",
    "connection reset": "it broke off",
    "socket closed": "it broke off",
    "goaway": "it broke off",
    "internal error from core": "it broke off",
}
"""What a person asks for, in gRPC's account of every address it tried, or of what its sockets met with."""

DISTRUST = {
    "hostname verification": OTHER_NAME,
    "certificate has expired": EXPIRED,
    "certificate_verify_failed": NOT_TRUSTED,
    "wrong_version_number": NO_TLS,
}
"""The same of certificates, in the words of the library that looks at them."""


def failure_of(code: grpc.StatusCode, details: str) -> ConnectionFailed:
    """Return the failure for a call that ended with a status other than OK."""
    why = details.splitlines()[0].strip() if details else code.name.lower().replace("_", " ")
    if code == grpc.StatusCode.UNAVAILABLE and (distrust := _of(DISTRUST, details)):
        return ConnectionFailed(Cause.UNTRUSTED, distrust)
    if code == grpc.StatusCode.UNAVAILABLE:
        return ConnectionFailed(Cause.UNREACHABLE, _cause(why))
    if code == grpc.StatusCode.UNIMPLEMENTED:
        return ConnectionFailed(Cause.NOT_PARLEY, why)
    return ConnectionFailed(Cause.REFUSED, _cause(why))


def _cause(why: str) -> str:
    return _of(CAUSES, why) or why


def _of(causes: Mapping[str, str], details: str) -> str:
    return next((plain for cause, plain in causes.items() if cause in details.lower()), "")
