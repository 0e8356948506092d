"""The setting of the chaos: the cluster before scripted models, the operator's tool server, a reader of recordings."""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local.redis_server import free_port
from tests.chaos.blueprint import LOOPBACK
from tests.chaos.cluster import Cluster, ClusterSettings
from tests.chaos.decoding import Decoder
from tests.chaos.journal import Journals
from tests.chaos.tool_server import ToolServer, tool_server
from tests.chaos.voice import prepare
from tests.net.net import HERE, Net

_FOLDER: Final = Path(__file__).parent
_PLACE: Final = "http://tool.test"
"""What the agents' profiles call the tool server; where it is turns out when it is there."""
_PORT: Final = 8080
"""Of the tool server, in a pod: nobody else is there."""


@dataclass
class Setting:
    """Where conversations are held."""

    cluster: Cluster
    tools: ToolServer
    decoder: Decoder
    journals: Journals
    """What the models were asked."""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    """The numbers of the conversations to come."""


@asynccontextmanager
async def open_setting(
    *,
    net: bool = True,
    logs: Path | None = None,
    copies: Mapping[str, int] | None = None,
    env: Mapping[str, Mapping[str, str]] | None = None,
    notice: Callable[[str], None] = lambda text: None,
) -> AsyncIterator[Setting]:
    """Start everything; `env` adds variables by service. Raises what `Cluster` raises."""
    has_net = net and not Net.obstacle()
    host, port = (Net().address(HERE), _PORT) if has_net else (LOOPBACK, free_port())
    prepare()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-chaos-")))
        agents, journals = folder / "agents", folder / "journals"
        agents.mkdir()
        journals.mkdir()
        for profile in (_FOLDER / "agents").glob("*.yaml"):
            text = profile.read_text(encoding="utf-8").replace(_PLACE, f"http://{host}:{port}")
            (agents / profile.name).write_text(text, encoding="utf-8")
        known = {"PARLEY_AGENTS": str(agents)}
        model = {"PARLEY_SERVERS": str(_FOLDER / "servers"), "PARLEY_MODEL_SERVER": "chaos"}
        settings = ClusterSettings(
            model=_model_command(journals),
            copies=copies or {},
            env=_joined(env or {}, {"vad": known, "broker": known | model}),
            net=has_net,
            log_folder=logs,
            notice=notice,
        )
        cluster = await stack.enter_async_context(Cluster(settings))
        tools = await stack.enter_async_context(tool_server(cluster.here, port))
        decoder = await stack.enter_async_context(Decoder())
        yield Setting(cluster, tools, decoder, Journals(journals))


def _joined(one: Mapping[str, Mapping[str, str]], other: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    return {service: {**one.get(service, {}), **other.get(service, {})} for service in {*one, *other}}


def _model_command(journals: Path) -> list[str]:
    journal = str(journals / "{name}.jsonl")
    return [sys.executable, "-m", "tests.chaos.model", "--listen", "{address}", "--journal", journal]
