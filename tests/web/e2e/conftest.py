"""One chromium serves all tests of the page itself; those of conversations start their own, with their own voice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from tests.web.e2e.browser import chromium


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Any]:
    """A chromium whose microphone may be used, and beeps."""
    async with chromium() as opened:
        yield opened
