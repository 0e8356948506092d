"""TLS: what a process shows to those who call it, and asks of those it calls. Without settings everything is plain.

Two certificates: that of the doors, for clients, and that of the ring, which every stage shows to every other (mTLS).
Both are looked at every few seconds, and read again when their files have changed: connections made from then on use
the new one, those that there are go on. One that is no good is not taken, and the log says so.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import grpc

from services.common.callers import Callers
from services.common.errors import SettingsFault
from services.common.settings import Environment
from services.common.tls_certificate import (
    Certificate,
    CertificateFiles,
    load_again,
    read_certificate,
    server_context,
)
from services.common.usage import Variable

log = logging.getLogger("parley.tls")

LOOK_S: Final = 5.0
"""How often the files are looked at. Kubernetes brings a changed secret within a minute."""

SOON: Final = 0.1
"""A certificate with less of its life left is told of, once a day: whatever renews it does so at a third, mostly."""

DOORS: Final = (
    Variable("PARLEY_TLS_CERT", "PEM file: the certificate, with those between, that clients see", "no TLS"),
    Variable("PARLEY_TLS_KEY", "PEM file: its key, see docs/tls.md"),
)
RING: Final = (
    Variable("PARLEY_RING_CERT", "PEM file: the certificate that this stage shows to the others", "no TLS"),
    Variable("PARLEY_RING_KEY", "PEM file: its key, see docs/tls.md"),
    Variable("PARLEY_RING_CA", "PEM file: who signs the stages' certificates, and nothing else"),
    Variable("PARLEY_RING_NAME", "the name in the others' certificates, if all have the same", "each stage's own"),
)


class KeptCertificate:
    """One that is read again when its files change. Raises SettingsFault when there is none to begin with."""

    def __init__(self, files: CertificateFiles, look_s: float = LOOK_S) -> None:
        self.now = read_certificate(files)
        """What is shown to who connects now."""
        self._files = files
        self._look_s = look_s
        self._stamp = files.stamp()
        self._refused: object = None
        self._context: ssl.SSLContext | None = None
        self._told = datetime.min.replace(tzinfo=UTC)
        log.info("%s: %s", files.variables[0], self.now)

    async def run(self) -> None:
        """Look at the files, until cancelled."""
        while True:
            self._tell_of_the_end()
            await asyncio.sleep(self._look_s)
            if (fresh := await asyncio.to_thread(self._changed)) is not None:
                self._take(fresh)

    def server_credentials(self) -> grpc.ServerCredentials:
        """Return what a gRPC server shows; who connects later sees what is there then."""
        shown = self.now

        def look() -> grpc.ServerCertificateConfiguration | None:
            nonlocal shown
            if self.now is shown:
                return None
            shown = self.now
            return _configuration(shown)

        # None, for "nothing new", is documented and not in the types.
        return grpc.dynamic_ssl_server_credentials(_configuration(shown), look, bool(shown.ca))  # type: ignore[arg-type]

    def context(self) -> ssl.SSLContext:
        """Return what any other server shows: one for all, which changes with the files."""
        if self._context is None:
            self._context = server_context(self._files)
            self._context.set_alpn_protocols(["http/1.1"])
        return self._context

    def _changed(self) -> Certificate | None:
        """Return the certificate if it is another one by now, and a good one. In a thread."""
        try:
            stamp = self._files.stamp()
            if stamp == self._stamp:
                return None
            fresh = read_certificate(self._files)
        except (SettingsFault, OSError) as error:
            self._refuse(str(error))
            return None
        self._stamp, self._refused = stamp, None
        return fresh

    def _refuse(self, why: str) -> None:
        """Files may be changed one after the other: only what is wrong at two looks is worth a word."""
        if self._refused == (why, 1):
            log.warning("the old certificate is kept: %s", why)
        self._refused = (why, 2 if self._refused in ((why, 1), (why, 2)) else 1)

    def _take(self, fresh: Certificate) -> None:
        if self._context is not None:
            try:
                load_again(self._context, self._files)
            except (OSError, ssl.SSLError) as error:
                self._stamp = ()
                log.warning("the old certificate is kept: %s", error)
                return
        self.now = fresh
        log.info("%s has changed: %s", self._files.variables[0], fresh)

    def _tell_of_the_end(self) -> None:
        now = datetime.now(UTC)
        if self.now.left(now) < SOON and now - self._told > timedelta(days=1):
            self._told = now
            log.warning("%s runs out soon: %s", self._files.variables[0], self.now)


def _configuration(certificate: Certificate) -> grpc.ServerCertificateConfiguration:
    pairs = [(certificate.key, certificate.chain)]
    return grpc.ssl_server_certificate_configuration(pairs, certificate.ca or None)


@dataclass(frozen=True)
class Peer:
    """How another process is dialled over TLS, whatever the address: with what, and which name it must show."""

    credentials: grpc.ChannelCredentials
    name: str


class Tls:
    """One process's. Have it `run`. Where it has no certificate, everything that it returns is None: plain."""

    def __init__(
        self, ring: KeptCertificate | None = None, doors: KeptCertificate | None = None, ring_name: str = ""
    ) -> None:
        self._ring, self._doors = ring, doors
        self._ring_name = ring_name

    @classmethod
    def read(cls, env: Environment, *, has_doors: bool = False) -> Tls:
        """Read PARLEY_RING_CERT, _KEY, _CA and _NAME, and with doors PARLEY_TLS_CERT and _KEY. Raises SettingsFault."""
        ring = _files(env, "PARLEY_RING_CERT", "PARLEY_RING_KEY", "PARLEY_RING_CA")
        name = env.text("PARLEY_RING_NAME")
        if name and ring is None:
            raise SettingsFault("PARLEY_RING_NAME is set, and PARLEY_RING_CERT is not: set all of them, or none.")
        doors = _files(env, "PARLEY_TLS_CERT", "PARLEY_TLS_KEY") if has_doors else None
        return cls(KeptCertificate(ring) if ring else None, KeptCertificate(doors) if doors else None, name)

    async def run(self) -> None:
        """Look after the certificates, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for kept in (self._ring, self._doors):
                if kept is not None:
                    group.create_task(kept.run())

    def ring_server(self) -> grpc.ServerCredentials | None:
        """Return what a stage shows to the others; it asks the same of them."""
        return self._ring.server_credentials() if self._ring else None

    def callers(self) -> Callers | None:
        """Return which of the others may call what here; None in the clear, where the network has to say."""
        return Callers(self._ring_name) if self._ring else None

    def door_server(self) -> grpc.ServerCredentials | None:
        """Return what ingress shows to clients over gRPC."""
        return self._doors.server_credentials() if self._doors else None

    def door_context(self) -> ssl.SSLContext | None:
        """Return what ingress shows to clients over WebSocket."""
        return self._doors.context() if self._doors else None

    @property
    def door_certificate(self) -> Certificate | None:
        """What is shown to clients now."""
        return self._doors.now if self._doors else None

    def stage(self, name: str) -> Peer | None:
        """Return how a stage is dialled: "vad", "broker" or "egress"."""
        if self._ring is None:
            return None
        mine = self._ring.now
        return Peer(grpc.ssl_channel_credentials(mine.ca, mine.key, mine.chain), self._ring_name or name)

    def other_door(self) -> Peer | None:
        """Return how the door of another ingress is dialled: it shows the certificate that we have, or a sister of it.

        Trusted is what stands in our own file: the certificate itself, and whoever of its signers is there.
        """
        if self._doors is None:
            return None
        mine = self._doors.now
        name = mine.names[0].replace("*", "ingress") if mine.names else ""
        return Peer(grpc.ssl_channel_credentials(mine.chain), name)


def _files(env: Environment, *variables: str) -> CertificateFiles | None:
    paths = {name: env.text(name) for name in variables}
    missing = [name for name, path in paths.items() if not path]
    if len(missing) == len(variables):
        return None
    if missing:
        there = next(name for name, path in paths.items() if path)
        raise SettingsFault(f"{there} is set, and {' and '.join(missing)} not: set all of them, or none.")
    cert, key, *ca = (Path(path) for path in paths.values())
    return CertificateFiles(cert, key, ca[0] if ca else None, variables)
