"""What the page decides, without a browser: whose turn, which words were heard, what a key means. Run by node."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.web.core.test_core import PATIENCE_S, node

HERE: Final = Path(__file__).parent


@pytest.mark.timeout(PATIENCE_S + 30)
@pytest.mark.parametrize("script", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_in_node(script: str) -> None:
    """What each proves stands in the script."""
    ran = subprocess.run([node(), HERE / script], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr
