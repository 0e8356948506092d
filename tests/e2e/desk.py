"""The operator's desk: a real HTTP server for tools and webhooks, and the folder of agents that know its address."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from local.child import ROOT
from tests.fakes.endpoint import Endpoint, Got, Writer, answer, endpoint
from tests.fakes.eventually import eventually

AGENTS: Final = Path(__file__).with_name("agents")
SERVERS: Final = Path(__file__).with_name("servers")
SHIPPED: Final = ROOT / "deploy" / "agents"
PLACE: Final = "http://desk.test"
"""What the agents of these tests call it; where it is turns out when it is there."""

KEY: Final = b"thirty-two bytes, for tests only"
SECRET: Final = f"whsec_{base64.b64encode(KEY).decode()}"
STORY: Final = "a fox met a crow"
STORY_TAKES_S: Final = 3.0


@dataclass
class Desk:
    """The server, and what the ring is told of it."""

    server: Endpoint
    folder: Path

    @property
    def env(self) -> dict[str, dict[str, str]]:
        """The variables of vad and broker."""
        agents = {"PARLEY_AGENTS": str(self.folder)}
        return {"vad": agents, "broker": {**agents, "PARLEY_TEST_SECRET": SECRET}}

    def asked(self, path: str, session: str) -> list[Got]:
        """The requests of one session's tools."""
        return [got for got in self.server.got if got.target == path and got.headers["parley-session"] == session]

    async def report(self, session: str, timeout_s: float = 15) -> dict[str, Any]:
        """Wait for a session's report, and check its signature; return what it says. Raises TimeoutError."""
        await eventually(lambda: any(_is_report(got, session) for got in self.server.got), within_s=timeout_s)
        (got,) = [got for got in self.server.got if _is_report(got, session)]
        signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
        mac = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        assert got.headers["webhook-signature"] == f"v1,{mac}"
        assert got.json["type"] == "session.ended"
        data: dict[str, Any] = got.json["data"]
        return data


def _is_report(got: Got, session: str) -> bool:
    return got.target == "/report" and bool(got.json["data"]["session"] == session)


async def serve(got: Got, writer: Writer) -> None:
    """Answer as the desk does: the story takes its time."""
    if got.target == "/story":
        await asyncio.sleep(STORY_TAKES_S)
    answers = {"/time": {"time": "half past noon"}, "/story": {"story": STORY}}
    await answer(answers.get(got.target, {"ok": True}))(got, writer)


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    """Open the desk, and write the agents that know where it is, the shipped ones among them, to `folder`."""
    async with endpoint(serve) as server:
        for profile in [*SHIPPED.glob("*.yaml"), *AGENTS.glob("*.yaml")]:
            (folder / profile.name).write_text(profile.read_text(encoding="utf-8").replace(PLACE, server.url))
        yield Desk(server, folder)
