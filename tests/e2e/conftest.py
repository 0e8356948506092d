"""One ring of real processes serves all end-to-end tests: a session each, as in life."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.e2e.scene import Scene
from tests.e2e.scene import scene as open_scene


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def scene() -> AsyncIterator[Scene]:
    """The ring, in front of a fake model that speaks position-coded audio."""
    async with open_scene() as opened:
        yield opened
