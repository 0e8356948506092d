"""Notice: what the client is told when its echo can't be cancelled (docs/protocol.md)."""

from __future__ import annotations

from typing import Final

from parley.v1 import conversation_service_pb2 as client
from services.ingress.echo.watch import Trouble

_CODES: Final = {
    Trouble.MISALIGNED: client.Notice.CODE_ECHO_MISALIGNED,
    Trouble.UNREDUCED: client.Notice.CODE_ECHO_UNREDUCED,
    Trouble.UNSTAMPED: client.Notice.CODE_ECHO_UNSTAMPED,
    Trouble.MISSING: client.Notice.CODE_ECHO_CANCELLER_MISSING,
}


def notice_of(trouble: Trouble, words: str) -> client.ConverseResponse:
    """Return the message that carries it."""
    return client.ConverseResponse(notice=client.Notice(code=_CODES[trouble], message=words))
