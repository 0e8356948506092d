"""gRPC's ways of failing, each in one line for the person."""

from __future__ import annotations

import grpc

from .failures import ClientError, ConversationBroken, ServerRefused

CAUSES = {
    "connection refused": "connection refused",
    "dns resolution failed": "no such host",
    "lookup error": "no such host",
    "no route to host": "no route to host",
    "network is unreachable": "network is unreachable",
}
"""What a person asks for, in gRPC's account of every address it tried."""


def lost(server: str, opened: bool, code: grpc.StatusCode, details: str) -> ClientError:
    """Return the failure for a call that ended with a status other than OK."""
    why = details.splitlines()[0].strip() if details else code.name.lower().replace("_", " ")
    if opened:
        return ConversationBroken(f"The connection to {server} was lost ({_cause(why)}).")
    if code == grpc.StatusCode.UNAVAILABLE:
        return ServerRefused(
            f"Cannot reach Parley at {server} ({_cause(why)}). Start it, or name another with --server HOST:PORT."
        )
    if code == grpc.StatusCode.UNIMPLEMENTED:
        return ServerRefused(f"{server} answers, but it is not Parley's ingress: check --server.")
    return ServerRefused(f"{server} refused the conversation ({why}).")


def closed_early(server: str, opened: bool) -> ClientError:
    """Return the failure for a stream that ended without Closed."""
    if opened:
        return ConversationBroken(f"{server} ended the conversation without a word.")
    return ServerRefused(f"{server} hung up before the conversation began.")


def unanswered(server: str, patience_s: float) -> ClientError:
    """Return the failure for a server that never answered Open."""
    return ServerRefused(f"{server} did not answer within {patience_s:.0f} s: is it a Parley server?")


def _cause(why: str) -> str:
    return next((plain for cause, plain in CAUSES.items() if cause in why.lower()), why)
