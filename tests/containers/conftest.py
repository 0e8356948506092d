"""The images, built once, and the ring as containers, started once: locked, on networks of its own."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.containers.engine import Engine, NoEngine, find, python_image, valkey_image
from tests.containers.locks import Locks

PROJECT = "parley-test"
TAG = "test"


@dataclass(frozen=True)
class Ring:
    """The ring that runs: which engine, at which doors, behind which locks."""

    engine: Engine
    port: int
    websocket_port: int
    locks: Locks

    def container(self, service: str) -> str:
        """Return the id of a service's container."""
        wanted = [f"label=com.docker.compose.project={PROJECT}", f"label=com.docker.compose.service={service}"]
        return self.engine.run("ps", "--quiet", *(part for label in wanted for part in ("--filter", label)))

    def log(self, service: str) -> str:
        """Return the last lines of a service's log."""
        done = self.engine.call(self.engine.program, "logs", "--tail", "40", self.container(service))
        return f"{service}:\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="session")
def engine() -> Engine:
    """Return the engine; everything is skipped where there is none."""
    try:
        return find()
    except NoEngine as why:
        pytest.skip(str(why))


@pytest.fixture(scope="session")
def images(engine: Engine) -> Engine:
    """Build the five images."""
    engine.script("images", {"PARLEY_TAG": TAG})
    return engine


@pytest.fixture(scope="session")
def ring(images: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ring]:
    """Start the ring as `make up WITH=locked` does, and stop it in the end."""
    try:
        images.provide("valkey", valkey_image(), python_image())
    except NoEngine as why:
        pytest.skip(str(why))
    locks = Locks(tmp_path_factory.mktemp("locks") / "kept")
    port, websocket_port = _free_port(), _free_port()
    env = {
        "COMPOSE_PROJECT_NAME": PROJECT,
        "WITH": "locked",
        "PARLEY_TAG": TAG,
        "PARLEY_LOCKS": str(locks.folder),
        "PARLEY_ENGINE_KEY": secrets.token_hex(16),
        "PARLEY_PORT": str(port),
        "PARLEY_WS_PORT": str(websocket_port),
    }
    try:
        images.script("up", env)
        yield Ring(images, port, websocket_port, locks)
    finally:
        images.script("down", env)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return where a conversation's files go."""
    return tmp_path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
