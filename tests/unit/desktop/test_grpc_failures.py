"""gRPC's accounts become one line that a person can act on."""

from __future__ import annotations

import grpc
import pytest

from clients.desktop.connection_failures import lost
from clients.desktop.failures import EXIT_BROKEN, EXIT_REFUSED
from clients.desktop.grpc_failures import failure_of

REFUSED = "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: connect: Connection refused (111)"
NO_HOST = "errors resolving nowhere:1: [field:hostname lookup error:address lookup failed: Domain name not found]"


@pytest.mark.parametrize(
    ("code", "details", "said"),
    [
        (grpc.StatusCode.UNAVAILABLE, REFUSED, "Cannot reach Parley at there:1 (connection refused). Start it"),
        (grpc.StatusCode.UNAVAILABLE, NO_HOST, "Cannot reach Parley at there:1 (no such host). Start it"),
        (grpc.StatusCode.UNIMPLEMENTED, "Method not found!", "there:1 answers, but it is not Parley's ingress"),
        (grpc.StatusCode.UNAUTHENTICATED, "who are you?\nmore", "there:1 refused the conversation (who are you?)."),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "", "there:1 refused the conversation (resource exhausted)."),
    ],
)
def test_failure_before_opened_is_a_refusal(code: grpc.StatusCode, details: str, said: str) -> None:
    """Until the session stands the server counts as unreachable or refusing."""
    failure = lost("there:1", False, failure_of(code, details))
    assert str(failure).startswith(said)
    assert "\n" not in str(failure)
    assert failure.exit_code == EXIT_REFUSED


TLS = "failed to connect to all addresses; last error: UNKNOWN: ipv4:1.2.3.4:1: "


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ("SSL_ERROR_SSL: CERTIFICATE_VERIFY_FAILED: unable to get local issuer certificate", "who signed it with --ca"),
        ("SSL_ERROR_SSL: CERTIFICATE_VERIFY_FAILED: certificate has expired: Invalid", "certificate has run out."),
        ("Custom verification check failed: Hostname Verification Check failed.", "is for another name than"),
        ("SSL_ERROR_SSL: WRONG_VERSION_NUMBER: Invalid certificate verification context", "does not speak TLS there."),
    ],
)
def test_a_certificate_that_is_not_trusted_is_told_of_with_what_to_do(details: str, said: str) -> None:
    """The person is not told to start a server that is there."""
    failure = lost("grpcs://there:1", False, failure_of(grpc.StatusCode.UNAVAILABLE, TLS + details))
    assert str(failure).startswith("Cannot talk with grpcs://there:1 in private: ")
    assert said in str(failure)
    assert failure.exit_code == EXIT_REFUSED


@pytest.mark.parametrize(
    ("code", "details"),
    [
        (grpc.StatusCode.UNAVAILABLE, "Socket closed"),
        (grpc.StatusCode.UNAVAILABLE, "Stream removed (recvmsg:Connection reset by peer (104))"),
        (grpc.StatusCode.UNAVAILABLE, "GOAWAY received"),
        (grpc.StatusCode.INTERNAL, "Internal error from Core"),
    ],
)
def test_failure_after_opened_is_a_broken_conversation(code: grpc.StatusCode, details: str) -> None:
    """A connection that breaks later has its own exit code, and the same words however it broke."""
    failure = lost("there:1", True, failure_of(code, details))
    assert str(failure) == "The connection to there:1 was lost (it broke off)."
    assert failure.exit_code == EXIT_BROKEN
