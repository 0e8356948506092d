"""Usage: what a service says of itself when it is asked for help. All its settings are environment variables."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.common.settings import KEPT_S

_WIDTH: Final = 100
_COLUMN: Final = 28
_ENDING: Final = (
    'It prints "ready {service} host:port" when it takes calls, and logs to standard error. It ends with 0 after '
    "SIGTERM or Ctrl-C, 1 if it could not start, 2 for an argument that there is not. `make run` starts all services, "
    "each with what it needs."
)
_ASKS: Final = frozenset({"-h", "--help"})


class Variable(NamedTuple):
    """A setting: its name, what it sets, and its default; "" for none."""

    name: str
    sets: str
    default: object = ""


REDIS: Final = Variable(
    "PARLEY_REDIS_URL",
    "where the sessions' state is kept: a server, or redis+sentinel://host:port,host:port,host:port/service, see "
    "docs/redis.md",
    "redis://127.0.0.1:6379/0",
)
REDIS_ACCESS: Final = (
    Variable("PARLEY_REDIS_PASSWORD", "its password, if not in the address; or PARLEY_REDIS_PASSWORD_FILE, its file"),
    Variable("PARLEY_REDIS_CA", "PEM file: who signed the certificate of a rediss:// server", "the system's"),
)
HISTORY: Final = Variable(
    "PARLEY_HISTORY_TTL_S", "seconds that a session's history is kept in Redis after its end; 0: not at all", KEPT_S
)
METRICS: Final = Variable("PARLEY_METRICS_LISTEN", "host:port for Prometheus, see docs/metrics.md", "not served")
HEALTH: Final = Variable("PARLEY_HEALTH_LISTEN", "host:port for probes over gRPC, see docs/tls.md", "not served")
AGENTS: Final = Variable("PARLEY_AGENTS", "folder of the agents' profiles, see docs/agents.md")


LOG: Final = (
    Variable("PARLEY_LOG", "text or json: how the log is written, see docs/logs.md", "text"),
    Variable("PARLEY_LOG_LEVEL", "debug, info, warning or error: from where on", "info"),
    Variable("PARLEY_LOG_WORDS", "on or off: whether people's words may stand in it", "off"),
)
"""Every service has these; nobody need name them."""
TRACES: Final = (
    Variable("OTEL_EXPORTER_OTLP_ENDPOINT", "where spans go, see docs/observing.md", "nowhere"),
    Variable("OTEL_SERVICE_NAME", "what they call it", "parley- and its name"),
    Variable("PARLEY_TRACE_WORDS", "on or off: whether people's words may stand in them", "off"),
    Variable("PARLEY_TRACE_FILE", "file for them, for `make trace`", "not written"),
)
"""These too."""


def listens(default_port: int) -> Variable:
    """Return the variable that says where a service takes calls."""
    sets = "host:port at which it takes calls; port 0: a free one"
    return Variable("PARLEY_LISTEN", sets, f"127.0.0.1:{default_port}")


@dataclass(frozen=True)
class Usage:
    """One service's."""

    service: str
    about: str
    """Two or three sentences."""
    variables: Sequence[Variable]
    example: str
    """A command line that can be copied."""

    def __str__(self) -> str:
        command = f"python -m services.{self.service}"
        lines = [
            f"usage: {command} [--help]",
            "",
            *textwrap.wrap(self.about, _WIDTH),
            "",
            "All settings are environment variables:",
            *(line for variable in (*self.variables, *LOG, *TRACES) for line in _told(variable)),
            "",
            "example:",
            f"  {self.example} {command}",
            "",
            *textwrap.wrap(_ENDING.format(service=self.service), _WIDTH),
        ]
        return "\n".join(lines)

    def answer(self, arguments: Sequence[str]) -> tuple[str, int] | None:
        """Return what to say to a command line, and the exit code; None to go ahead and serve."""
        if not arguments:
            return None
        if _ASKS.intersection(arguments):
            return str(self), 0
        name = f"services.{self.service}"
        return f"{name}: there is no argument {arguments[0]!r}; settings are environment variables: see --help", 2


def _told(variable: Variable) -> list[str]:
    default = f"{variable.default:g}" if isinstance(variable.default, float) else str(variable.default)
    sets = f"{variable.sets} (default: {default})" if default else variable.sets
    name = f"  {variable.name}".ljust(_COLUMN)
    return textwrap.wrap(sets, _WIDTH, initial_indent=f"{name} ", subsequent_indent=" " * (_COLUMN + 1))
