"""One ring of real processes serves these tests; without a compiler they are skipped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio

from tests.e2e.scene import Scene
from tests.e2e.scene import scene as open_scene
from tests.esp32.program import build, obstacle

PROMPT: Final = {stage: {"PARLEY_MAX_LATE_MS": "0"} for stage in ("ingress", "vad", "broker", "egress", "engine")}
"""How busy the machine is is no matter here: nobody is refused for it."""


@pytest.fixture(scope="session", autouse=True)
def program() -> None:
    """Build the program once, before any conversation waits for it."""
    if obstacle():
        pytest.skip(obstacle())
    build()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def scene() -> AsyncIterator[Scene]:
    """The ring, in front of a fake model that speaks position-coded audio."""
    async with open_scene(PROMPT, copies={"ingress": 2}) as opened:
        yield opened
