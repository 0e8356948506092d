"""Metrics: what a process has counted, for Prometheus to fetch over HTTP.

A server of its own threads answers, so that a scrape never waits for a conversation, nor a conversation for a scrape.
"""

from __future__ import annotations

import logging
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from services.common.errors import SettingsFault
from services.common.process import announce_door
from services.common.settings import Environment

log = logging.getLogger("parley.metrics")

VARIABLE: Final = "PARLEY_METRICS_LISTEN"
PATH: Final = "/metrics"
PATIENCE_S: Final = 5.0
"""How long a client may take over its request, and over reading the answer."""
AT_ONCE: Final = 8
"""Requests under way; who comes beyond that finds the connection closed. One Prometheus makes one."""

_OPENMETRICS: Final = "application/openmetrics-text"
_HERE: Final = "127.0.0.1"
_EXAMPLE: Final = f"{_HERE}:9464"
_WHERE_TO: Final = f"There is nothing here. The metrics are at {PATH}.\n".encode()


def registry() -> CollectorRegistry:
    """Return what a process's metrics are registered with: at first its CPU time, memory and open files."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for every one, which nobody draws
    made = CollectorRegistry()
    ProcessCollector(registry=made)
    return made


def exposition(metrics: CollectorRegistry, accept: str) -> tuple[str, bytes]:
    """Return the content type and the text of a scrape, for a scraper that accepts such formats.

    OpenMetrics, which alone has exemplars, where it is asked for; else the plain format, which everybody reads.
    """
    if any(each.partition(";")[0].strip() == _OPENMETRICS for each in accept.lower().split(",")):
        return openmetrics.CONTENT_TYPE_LATEST, openmetrics.generate_latest(metrics)  # type: ignore[no-untyped-call]
    return CONTENT_TYPE_PLAIN_0_0_4, generate_latest(metrics)


def listen_address(env: Environment) -> str:
    """Return where PARLEY_METRICS_LISTEN wants them served, as host:port; "" for nowhere.

    A port alone is one of the loopback, 0 any free one. Raises SettingsFault.
    """
    return env.side_door(VARIABLE, _EXAMPLE)


@contextmanager
def served(metrics: CollectorRegistry, listen: str) -> Iterator[str]:
    """Serve `metrics` at host:port while the block lasts, announce where that is, and give it; "" serves nothing.

    Raises:
        SettingsFault: the port is taken, or the host isn't this machine's.
    """
    if not listen:
        yield ""
        return
    host, _, port = listen.rpartition(":")
    with _bound(metrics, host.strip("[]"), int(port), listen) as server:
        address = f"{host}:{server.server_address[1]}"
        announce_door("metrics", address)
        thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
        thread.start()
        try:
            yield address
        finally:
            server.shutdown()
            thread.join()


def _bound(metrics: CollectorRegistry, host: str, port: int, listen: str) -> _Server:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return _Server(metrics, family, address)
    except (OSError, UnicodeError) as error:
        raise SettingsFault(
            f"cannot serve metrics at {listen}: the port is taken or the host is not of this machine. Set {VARIABLE}."
        ) from error


class _Server(socketserver.ThreadingTCPServer):
    """A thread for each request, and few at once."""

    allow_reuse_address = True  # a restart need not wait for the last one's connections to be forgotten
    daemon_threads = True
    block_on_close = False

    def __init__(self, metrics: CollectorRegistry, family: socket.AddressFamily, address: Any) -> None:
        self.metrics = metrics
        self.address_family = family
        self._places = threading.BoundedSemaphore(AT_ONCE)
        super().__init__(address, _Request)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off is its own affair; any other fault is ours."""
        if not isinstance(sys.exception(), OSError):
            log.exception("a scrape by %s: a fault of ours", client_address[0])


class _Request(BaseHTTPRequestHandler):
    server: _Server
    server_version = "Parley"
    sys_version = ""
    timeout = PATIENCE_S

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != PATH:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", _WHERE_TO)
            return
        content_type, body = exposition(self.server.metrics, self.headers.get("Accept", ""))
        self._answer(HTTPStatus.OK, content_type, body)

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape every few seconds is no news."""
