"""A connection's failures become one line that a person can act on, whatever the connection goes over."""

from __future__ import annotations

import pytest

from clients.desktop.connection_failures import Cause, ConnectionFailed, lost
from clients.desktop.failures import EXIT_BROKEN, EXIT_REFUSED
from clients.desktop.websocket_transport import url_of


@pytest.mark.parametrize(
    ("cause", "before", "after"),
    [
        (
            Cause.UNREACHABLE,
            "Cannot reach Parley at ws://there (odd). Start it, or",
            "The connection to ws://there was",
        ),
        (Cause.NOT_PARLEY, "ws://there answers, but it is not Parley's ingress", "The connection to ws://there was"),
        (Cause.REFUSED, "ws://there refused the conversation (odd).", "The connection to ws://there was lost (odd)."),
        (Cause.UNREADABLE, "ws://there sent what this client can't read (odd)", "ws://there sent what this client"),
    ],
)
def test_each_cause_has_its_words_and_exit_code(cause: Cause, before: str, after: str) -> None:
    """Before the session stands the server refused; later the conversation broke."""
    failure = ConnectionFailed(cause, "odd")
    refused, broken = lost("ws://there", False, failure), lost("ws://there", True, failure)
    assert str(refused).startswith(before)
    assert str(broken).startswith(after)
    assert (refused.exit_code, broken.exit_code) == (EXIT_REFUSED, EXIT_BROKEN)


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("ws://127.0.0.1:7780", "ws://127.0.0.1:7780/v1/converse"),
        ("wss://parley.example/", "wss://parley.example/v1/converse"),
        ("ws://[::1]:7780/v1/converse", "ws://[::1]:7780/v1/converse"),
        ("wss://gate.example/voice/v1/converse", "wss://gate.example/voice/v1/converse"),
    ],
)
def test_the_path_may_be_left_out(server: str, url: str) -> None:
    """Behind a gateway the path may be another, and then it is kept."""
    assert url_of(server) == url
