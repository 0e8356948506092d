"""A certificate with its key, read from files and found to be good before anybody is shown it.

Whether it is good, TLS itself says: the two ends of a handshake are held against each other in memory. So a key of
another certificate, one that has run out, or one that its own CA did not sign, is found at the start of the process,
in a sentence that names the setting, and not by the first who calls.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from services.common.errors import SettingsFault

_ROUNDS: Final = 10
"""A handshake takes three turns of each side."""

_REASONS: Final = {
    "KEY_VALUES_MISMATCH": "the key is of another certificate",
    "NO_START_LINE": "it holds nothing in PEM form that belongs there",
    "NO_CERTIFICATE_OR_CRL_FOUND": "the CA's file holds no certificate in PEM form",
}


@dataclass(frozen=True)
class CertificateFiles:
    """Where a certificate is: the files, and the variables that name them. `ca` signs for those who may call."""

    cert: Path
    key: Path
    ca: Path | None
    variables: tuple[str, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files."""
        return (self.cert, self.key) if self.ca is None else (self.cert, self.key, self.ca)

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """Return what changes when any of the files does. Raises OSError."""
        return tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for path in self.paths for stat in (path.stat(),))


@dataclass(frozen=True)
class Certificate:
    """What stood in the files."""

    chain: bytes
    key: bytes = field(repr=False)
    ca: bytes
    names: tuple[str, ...]
    """The DNS names that it is for."""
    since: datetime
    until: datetime

    def left(self, now: datetime) -> float:
        """Return how much of its life is left: 1 at its beginning, 0 at its end."""
        return (self.until - now) / (self.until - self.since)

    def __str__(self) -> str:
        return f"a certificate for {', '.join(self.names) or 'no name'}, good until {self.until:%Y-%m-%d %H:%M} UTC"


def read_certificate(files: CertificateFiles) -> Certificate:
    """Read and check. Raises SettingsFault naming the variable, the file, and what is wrong."""
    contents = [_read(path, variable) for path, variable in zip(files.paths, files.variables, strict=False)]
    try:
        shown = _handshake(files)
    except ssl.SSLCertVerificationError as error:
        raise _fault(files, f"it is not good: {error.verify_message}") from error
    except ssl.SSLError as error:
        why = _REASONS.get(error.reason or "", f"TLS refuses it ({error.reason or 'no certificate, or no key'})")
        raise _fault(files, why) from error
    except ValueError as error:
        raise _fault(files, str(error)) from error
    if contents != [_read(path, variable) for path, variable in zip(files.paths, files.variables, strict=False)]:
        raise _fault(files, "its files are being changed just now")
    alternatives = cast("tuple[tuple[str, str], ...]", shown.get("subjectAltName", ()))
    names = tuple(value for kind, value in alternatives if kind == "DNS")
    since, until = (datetime.fromtimestamp(_seconds(shown[end]), UTC) for end in ("notBefore", "notAfter"))
    chain, key, *ca = contents
    return Certificate(chain, key, b"".join(ca), names, since, until)


def _seconds(text: object) -> int:
    return ssl.cert_time_to_seconds(str(text))


def server_context(files: CertificateFiles) -> ssl.SSLContext:
    """Return a context for servers outside gRPC. Raises OSError and ssl.SSLError for files that are no good."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _load(context, files)
    return context


def load_again(context: ssl.SSLContext, files: CertificateFiles) -> None:
    """Show the certificate that is in the files now to who connects from now on. Raises as `server_context`."""
    _load(context, files)


def _load(context: ssl.SSLContext, files: CertificateFiles) -> None:
    context.load_cert_chain(files.cert, files.key, password=_refuse)


def _refuse() -> str:
    raise ValueError("the key is encrypted: give one that needs no password, in a file that only this service can read")


def _read(path: Path, variable: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsFault(f"{variable}={str(path)!r} can't be read: {error.strerror or error}.") from error


def _fault(files: CertificateFiles, why: str) -> SettingsFault:
    named = ", ".join(f"{name}={str(path)!r}" for name, path in zip(files.variables, files.paths, strict=False))
    return SettingsFault(f"the certificate of {named} can't be used: {why}.")


def _handshake(files: CertificateFiles) -> dict[str, Any]:
    """Let the certificate meet itself; return it as its peer sees it. Raises ssl.SSLError and ValueError."""
    serving, calling = server_context(files), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    calling.check_hostname = False
    if files.ca is None:  # who signed it, only those who call know
        calling.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        calling.load_verify_locations(files.cert)
    else:
        serving.load_verify_locations(files.ca)
        serving.verify_mode = ssl.CERT_REQUIRED
        calling.load_verify_locations(files.ca)
        _load(calling, files)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller, server = calling.wrap_bio(to_client, to_server), serving.wrap_bio(to_server, to_client, server_side=True)
    done: set[ssl.SSLObject] = set()
    for _ in range(_ROUNDS):
        for side in (caller, server):
            if side not in done and _step(side):
                done.add(side)
    shown = caller.getpeercert()
    if len(done) < 2 or not shown:
        raise ValueError("it does not get on with itself")
    return dict(shown)


def _step(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
