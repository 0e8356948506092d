"""The web client's core, without a browser: its tests are node's, and each file of them is one here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

HERE: Final = Path(__file__).parent
OLDEST_NODE: Final = 18
"""The first with a test runner; Debian 12 has it."""
PATIENCE_S: Final = 600


def node() -> str:
    """Return where node is; skip where there is none, or one that is too old."""
    path = os.environ.get("NODE") or shutil.which("node") or shutil.which("nodejs") or ""
    if not path:
        pytest.skip("no node on this machine (Debian: apt install nodejs; or NODE=/path/to/it)")
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.lstrip("v").partition(".")[0]) < OLDEST_NODE:
        pytest.skip(f"node {version.strip()} is too old for these tests: {OLDEST_NODE} or newer")
    return path


@pytest.mark.timeout(PATIENCE_S + 30)
@pytest.mark.parametrize("script", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_in_node(script: str) -> None:
    """What each proves stands in it: frames and scenes are those that every client has to pass (tests/vectors)."""
    ran = subprocess.run([node(), HERE / script], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ran.returncode == 0, _failures(ran.stdout) + ran.stderr


def _failures(report: str) -> str:
    """Return what went wrong of a report in TAP (or in node's own form, where that is what it writes)."""
    blocks = re.findall(r"^not ok .*?^  \.\.\.$", report, re.MULTILINE | re.DOTALL)
    return "\n".join(blocks) or report[-4000:]
