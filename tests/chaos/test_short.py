"""The short form of the chaos: every two of stage, fault and moment meet."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MOST_S = 600
"""It takes two and a half minutes on two quiet cores."""
LATE_MS = 300
"""Who is later than this with a microphone's frames is too busy to speak for a person: words may be lost there."""


@pytest.mark.timeout(MOST_S + 30)
def test_conversations_go_on_whatever_breaks(tmp_path: Path) -> None:
    """None ends, no word is remembered twice, no tool called twice, nothing stale is heard, and no word is lost.

    How long the gaps are is told, and not held against anything: it is the machine's, too.
    """
    out = tmp_path / "chaos.json"
    command = [sys.executable, "-m", "tests.chaos", "--short", "--out", str(out)]
    ran = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=MOST_S, check=False
    )
    print(ran.stdout)
    assert out.exists(), ran.stdout[-2_000:]
    found: dict[str, Any] = json.loads(out.read_text())
    runs = found["runs"]
    assert [run["why_not"] for run in runs if not run["continued"]] == []
    assert [run["words_repeated"] for run in runs if run["words_repeated"]] == []
    assert sum(run["calls_duplicated"] for run in runs) == 0
    assert sum(run["stale_ms"] for run in runs) == 0
    assert max(run["repeated_ms"] for run in runs) <= 100
    assert [run["words_lost"] for run in runs if run["words_lost"] and run["worst_lag_ms"] < LATE_MS] == []
    assert found["troubles"] == []
