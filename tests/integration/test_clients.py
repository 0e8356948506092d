"""`make clients` in its shortest form: it measures, whatever the figures of a busy machine are."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from local.child import ROOT
from tests.clients.client_program import ClientProgram
from tests.clients.failures import ClientLost
from tests.clients.kinds import ENVIRONMENT

pytestmark = pytest.mark.timeout(180)


async def test_the_desktop_is_measured(tmp_path: Path) -> None:
    """Three replies are interrupted; each is silenced, and found in the recording and in history."""
    out = tmp_path / "clients.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.clients", "--clients", "desktop", "--only", "loopback"),
        *("--rounds", "3", "--out", str(out)),
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    report = json.loads(out.read_text("utf-8"))
    found = {figure["figure"]: figure for figure in report["figures"]}
    assert report["problems"] == [], said.decode()
    assert {(figure["tried"], figure["missed"]) for figure in report["figures"]} == {(3, 0)}, said.decode()
    assert "silence after a decision, loopback, p99" in found
    assert found["stop keys unheeded, loopback"]["found"] == 0
    worst = found["history against the speaker, loopback, worst"]
    assert worst["found"] < 1000


OPENS_AND = """
import sys
print('{"event": "opened", "words": "s"}', flush=True)
open(sys.argv[sys.argv.index("--record") + 1], "wb").close()
for line in sys.stdin:
"""


async def test_a_client_that_ends_is_not_waited_for() -> None:
    """Its next happening would never come."""
    async with ClientProgram((sys.executable, "-c", f"{OPENS_AND}    sys.exit(3)"), {}) as client:
        with pytest.raises(ClientLost):
            await client.begins_a_reply("hello")


async def test_a_client_that_refuses_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has lost its conversation for good takes no words any more."""
    monkeypatch.setattr("tests.clients.client_program.BEGINS_S", 1.0)
    refuses = f"""{OPENS_AND}    line == "quit\\n" and sys.exit()\n    print('{{"event": "fault"}}', flush=True)"""
    async with ClientProgram((sys.executable, "-c", refuses), {}) as client:
        with pytest.raises(TimeoutError):
            await client.begins_a_reply("hello")
