"""One ring of real processes serves all end-to-end tests: a session each, as in life. Another one has its engine."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.desk import Desk
from tests.e2e.desk import desk as open_desk
from tests.e2e.house import House
from tests.e2e.house import house as open_house
from tests.e2e.scene import Scene
from tests.e2e.scene import scene as open_scene


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def scene() -> AsyncIterator[Scene]:
    """The ring, in front of a fake model that speaks position-coded audio."""
    async with open_scene() as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """The operator's own server, and the agents that know it."""
    async with open_desk(tmp_path_factory.mktemp("agents")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(desk: Desk) -> AsyncIterator[House]:
    """The ring with its own engine, and agents of every kind."""
    async with open_house(desk) as opened:
        yield opened
