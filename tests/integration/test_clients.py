"""`make clients` in its shortest form: it measures, whatever the figures of a busy machine are."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from local.child import ROOT
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
    assert "desktop loopback" not in report["not_measured"], said.decode()
    assert found["silence after a decision, loopback, p50"]["of"] == 3
    assert found["stop keys unheeded, loopback"]["found"] == 0
    worst = found["history against the speaker, loopback, worst"]
    assert worst["of"] == 3
    assert worst["found"] is not None, said.decode()  # None: a reply has no item
    assert worst["found"] < 1000
