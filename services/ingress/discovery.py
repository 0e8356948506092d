"""Discovery: names are looked up again and again, so that copies that come get sessions, and those that go no more.

Each name has a thread of its own, for a lookup that hangs must hold up neither the event loop, nor another name, nor
the end of the process. What was found last counts until something else is found: where DNS is down, or knows a name
no more, the sessions that there are go on, and new ones find whoever is still there.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from services.ingress.addresses import Name
from services.ingress.route import Routes

log = logging.getLogger("parley.discovery")

AGAIN_S: Final = 5.0
"""How often a name is looked up."""

FIRST_S: Final = 3.0
"""How long the doors stay shut for the first answers."""

REMINDED_S: Final = 60.0
"""How often the log is told again of a name that is not found."""

Lookup = Callable[[Name], tuple[str, ...]]


class NotFound(Exception):
    """A name can't be looked up just now; the message says why."""


def lookup(name: Name) -> tuple[str, ...]:
    """Return all addresses of a name, as host:port. It may take long. Raises NotFound."""
    try:
        found = socket.getaddrinfo(name.host, name.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        unknown = isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME
        raise NotFound("there is no such name" if unknown else getattr(error, "strerror", "") or str(error)) from error
    hosts = sorted({str(address[0]) for _, _, _, _, address in found})
    return tuple(f"[{host}]:{name.port}" if ":" in host else f"{host}:{name.port}" for host in hosts)


class Discovery:
    """One process's. `begin` it before the doors open, `run` it while they are."""

    def __init__(self, routes: Routes, look: Lookup = lookup, again_s: float = AGAIN_S) -> None:
        self._routes = routes
        self._look = look
        self._again_s = again_s
        self._stopping = threading.Event()
        self._answered: dict[tuple[str, Name], asyncio.Event] = {}

    @property
    def is_complete(self) -> bool:
        """Whether somebody is known of every stage."""
        return not self._routes.missing()

    async def begin(self, patience_s: float = FIRST_S) -> None:
        """Look every name up, and wait for the first answers for a while."""
        loop = asyncio.get_running_loop()
        self._answered = {(stage, name): asyncio.Event() for stage, name in self._routes.names()}
        for stage, name in self._answered:
            threading.Thread(target=self._watch, args=(loop, stage, name), name=f"looks up {name}", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                for answered in self._answered.values():
                    await answered.wait()

    async def run(self) -> None:
        """Let it go on until cancelled."""
        try:
            await asyncio.Event().wait()
        finally:
            self._stopping.set()

    def _watch(self, loop: asyncio.AbstractEventLoop, stage: str, name: Name) -> None:
        """In a thread of its own: look up, tell the event loop, wait."""
        told_s, was_lost = -REMINDED_S, False
        while not self._stopping.is_set():
            why = ""
            addresses: tuple[str, ...] = ()
            try:
                addresses = self._look(name)
            except NotFound as error:
                why = str(error)
            if why and time.monotonic() - told_s >= REMINDED_S:
                told_s = time.monotonic()
                log.warning(
                    "%s of PARLEY_%s is not found: %s; it is tried every %g s", name, _many(stage), why, self._again_s
                )
            if was_lost and not why:
                told_s = -REMINDED_S
                log.info("%s is found again", name)
            was_lost = bool(why)
            try:
                loop.call_soon_threadsafe(self._take, stage, name, addresses)
            except RuntimeError:
                return  # the loop is closed: the process ends
            self._stopping.wait(self._again_s)

    def _take(self, stage: str, name: Name, addresses: tuple[str, ...]) -> None:
        if addresses:
            new, gone = self._routes.found(stage, name, addresses)
            if new or gone:
                log.info("%s: new %s; gone %s", stage, ", ".join(new) or "none", ", ".join(gone) or "none")
        self._answered[stage, name].set()


def _many(stage: str) -> str:
    return {"vad": "VADS", "broker": "BROKERS", "egress": "EGRESSES"}[stage]
