"""Trust: whom this client takes for the server: who shows a certificate for its name, signed by somebody known."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import grpc

from .failures import UsageError

NOT_TRUSTED = "its certificate is not signed by anybody this client trusts: name who signed it with --ca"
OTHER_NAME = "its certificate is for another name than the one it is called by"
EXPIRED = "its certificate has run out"
NO_TLS = "it does not speak TLS there"


@dataclass(frozen=True)
class Trust:
    """`ca` is the file of those who may sign; None: whoever gRPC, or Python, trusts by itself."""

    ca: Path | None = None

    @classmethod
    def of(cls, ca: Path | None) -> Self:
        """Return the trust in who stands in a file. Raises UsageError for one that holds nobody."""
        try:
            if ca is not None:
                ssl.create_default_context(cafile=ca)
        except ssl.SSLError:
            raise UsageError(f"{ca} holds no certificate in PEM form: check --ca.") from None
        except OSError as error:
            raise UsageError(f"Cannot read {ca} ({error.strerror or error}): check --ca.") from None
        return cls(ca)

    def credentials(self) -> grpc.ChannelCredentials:
        """Return it for gRPC."""
        return grpc.ssl_channel_credentials(self.ca.read_bytes() if self.ca else None)

    def context(self) -> ssl.SSLContext:
        """Return it for WebSocket."""
        return ssl.create_default_context(cafile=self.ca)


def why_untrusted(error: ssl.SSLError) -> str:
    """Return what is wrong with a server over TLS, in plain words."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return NO_TLS if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE") else f"TLS: {error.reason}"
    if "expired" in error.verify_message:
        return EXPIRED
    named = "Hostname mismatch" in error.verify_message or "IP address mismatch" in error.verify_message
    return OTHER_NAME if named else NOT_TRUSTED
