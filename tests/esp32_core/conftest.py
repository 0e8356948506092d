"""What these tests are built from; where it can't be built here they are skipped, and say what is missing."""

from __future__ import annotations

import pytest

from .programs import make, obstacle_on_host, obstacle_on_rv32


@pytest.fixture(scope="session")
def host_programs() -> None:
    """Build what runs on this machine, once."""
    if missing := obstacle_on_host():
        pytest.skip(missing)
    make("host")


@pytest.fixture(scope="session")
def rv32_tools() -> None:
    """Skip where nothing can be built or run for rv32imc."""
    if missing := obstacle_on_rv32():
        pytest.skip(missing)
