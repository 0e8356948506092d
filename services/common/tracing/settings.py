"""What an operator says of traces, in the environment."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from services.common.errors import SettingsFault
from services.common.settings import Environment

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
NAME: Final = "OTEL_SERVICE_NAME"
FILE: Final = "PARLEY_TRACE_FILE"
WORDS: Final = "PARLEY_TRACE_WORDS"


@dataclass(frozen=True)
class TraceSettings:
    """Where spans go, under which name. All empty: nowhere."""

    service: str = ""
    endpoint: str = ""
    file: str = ""
    tells_words: bool = False
    instance: str = ""

    @classmethod
    def read(cls, env: Environment, service: str) -> TraceSettings:
        """Read OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME, PARLEY_TRACE_FILE and PARLEY_TRACE_WORDS.

        What else OpenTelemetry's variables say (headers, certificates, timeout, resource) its exporter reads itself.
        Raises SettingsFault.
        """
        words = env.text(WORDS, "off")
        if words not in ("on", "off"):
            raise SettingsFault(f"{WORDS}={words!r} must be on or off (default off).")
        variable = TRACES_ENDPOINT if env.text(TRACES_ENDPOINT) else ENDPOINT
        endpoint = env.text(variable)
        if endpoint and (urlsplit(endpoint).scheme not in ("http", "https") or not urlsplit(endpoint).netloc):
            raise SettingsFault(
                f"{variable}={endpoint!r} must be a URL of OTLP over gRPC, such as http://127.0.0.1:4317."
            )
        return cls(
            service=env.text(NAME, f"parley-{service}"),
            endpoint=endpoint,
            file=env.text(FILE),
            tells_words=words == "on",
            instance=f"{socket.gethostname()}-{os.getpid()}",
        )

    @property
    def is_on(self) -> bool:
        """Whether spans go anywhere."""
        return bool(self.endpoint or self.file)
