"""A Jaeger v2 of our own: the binary on the PATH, with its memory for a store, at free ports of the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

READY_S: Final = 60.0

CONFIG: Final = """\
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [jaeger_storage_exporter]
  telemetry:
    metrics:
      level: none
    logs:
      level: error
extensions:
  jaeger_storage:
    backends:
      memory:
        memory:
          max_traces: 10000
  jaeger_query:
    storage:
      traces: memory
    http:
      endpoint: {query}
    grpc:
      endpoint: {query_grpc}
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: {otlp}
exporters:
  jaeger_storage_exporter:
    trace_storage: memory
"""


def binary() -> str | None:
    """Return where the binary is; None where there is none."""
    return shutil.which("jaeger")


@dataclass(frozen=True)
class Jaeger:
    """One that runs."""

    otlp: str
    """Where spans go: a URL."""
    query: str
    """Where its HTTP API and its pages are: a URL."""

    async def ask(self, path: str) -> Any:
        """Return what its API says: the `data` of its answer."""
        return await asyncio.to_thread(self._ask, path)

    def _ask(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.query}{path}", timeout=10) as answer:
            return json.load(answer)["data"]

    async def traces(self, service: str) -> list[dict[str, Any]]:
        """Return the traces in which a service has a part."""
        found: list[dict[str, Any]] = await self.ask(f"/api/traces?service={service}&limit=100&lookback=1h")
        return found


@asynccontextmanager
async def jaeger(folder: Path) -> AsyncIterator[Jaeger]:
    """Run it while the block lasts. Raises TimeoutError, with its last words, when it does not get ready."""
    otlp, query, query_grpc = (f"127.0.0.1:{port}" for port in _free_ports(3))
    config = folder / "jaeger.yaml"
    config.write_text(CONFIG.format(otlp=otlp, query=query, query_grpc=query_grpc))
    log = (folder / "jaeger.log").open("w+b")
    process = await asyncio.create_subprocess_exec(
        binary() or "jaeger", "--config", str(config), stdout=log, stderr=log, env=dict(os.environ)
    )
    made = Jaeger(f"http://{otlp}", f"http://{query}")
    try:
        await _ready(made, process, folder / "jaeger.log")
        yield made
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        log.close()


async def _ready(made: Jaeger, process: asyncio.subprocess.Process, log: Path) -> None:
    try:
        async with asyncio.timeout(READY_S):
            while process.returncode is None:
                with contextlib.suppress(urllib.error.URLError, OSError):
                    await made.ask("/api/services")
                    return
                await asyncio.sleep(0.2)
    except TimeoutError:
        pass
    raise TimeoutError(f"Jaeger did not get ready: {_last_words(log)}")


def _last_words(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
