"""The house of the soak: one ring as real processes, a model that costs little, and the operator's tool server."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from tests.chaos.cluster import SERVICES, Cluster, ClusterSettings
from tests.chaos.tool_server import tool_server
from tests.soak.guest import prepare

RESUME_S: Final = 5
HISTORY_S: Final = 20
"""Shorter than by default, so that the house soon has as many waiting sessions, and as much history, as ever."""
LOOKS_UP_S: Final = 0.5

_AGENTS: Final = Path(__file__).parent / "agents"
_PLACE: Final = "http://tool.test"
_MODEL: Final = (sys.executable, "-m", "tests.soak.model", "--listen", "{address}")


@asynccontextmanager
async def open_house(logs: Path | None, notice: Callable[[str], None]) -> AsyncIterator[Cluster]:
    """Start everything. Raises what `Cluster` raises."""
    prepare()
    async with AsyncExitStack() as stack:
        agents = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-soak-")))
        tools = await stack.enter_async_context(tool_server("127.0.0.1"))
        tools.takes_s = LOOKS_UP_S
        for profile in _AGENTS.glob("*.yaml"):
            text = profile.read_text(encoding="utf-8").replace(_PLACE, tools.url)
            (agents / profile.name).write_text(text, encoding="utf-8")
        known = {"PARLEY_AGENTS": str(agents)}
        kept = {"PARLEY_HISTORY_TTL_S": str(HISTORY_S)}
        settings = ClusterSettings(
            model=_MODEL,
            copies=dict.fromkeys(SERVICES, 1),
            env={"ingress": kept | {"PARLEY_RESUME_S": str(RESUME_S)}, "vad": known, "broker": known | kept},
            net=False,
            log_folder=logs,
            notice=notice,
        )
        yield await stack.enter_async_context(Cluster(settings))
