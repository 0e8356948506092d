"""What stands in the images: little, for nobody but user 10001, and only what the service needs."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.containers.conftest import TAG
from tests.containers.engine import ROOT, Engine

pytestmark = pytest.mark.timeout(7200)

SERVICES = ("ingress", "vad", "broker", "egress", "engine")
each = pytest.mark.parametrize("service", SERVICES)

_LISTING = """
import importlib.metadata, json, os
names = (distribution.metadata["Name"] for distribution in importlib.metadata.distributions())
models = "services/vad/models"
print(json.dumps({
    "packages": sorted({name.lower().replace("_", "-") for name in names}),
    "uid": os.getuid(),
    "services": os.listdir("services"),
    "models": os.listdir(models) if os.path.isdir(models) else [],
    "clients": os.listdir("clients") if os.path.isdir("clients") else [],
    "page": os.path.isfile("clients/web/index.html"),
}))
"""


def _image(service: str) -> str:
    return f"parley-{service}:{TAG}"


def _about(engine: Engine, service: str) -> dict[str, Any]:
    about: dict[str, Any] = json.loads(engine.run("image", "inspect", _image(service)))[0]
    return about


def _inside(engine: Engine, service: str, *command: str) -> str:
    hardened = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none")
    return engine.run("run", "--rm", *hardened, _image(service), *command)


@each
def test_form(images: Engine, service: str) -> None:
    """An image runs as user 10001, says who it is, and can be asked how it is; nothing of pip's secrets is in it."""
    about = _about(images, service)
    config = about["Config"]
    assert config["User"] == "10001:10001"
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == f"parley-{service}"
    assert labels["org.opencontainers.image.revision"] != "unknown"
    health = config.get("Healthcheck") or about["Healthcheck"]
    assert "services.common.health_check" in health["Test"]
    assert not re.search(r"PIP_|index-url", json.dumps(about))
    print(f"\nparley-{service}: {about['Size'] / 1e6:,.0f} MB, of which the base is not ours")


@each
def test_content(images: Engine, service: str) -> None:
    """Its packages are those that its lock file pins, no more; its code is its own; weights where they are used."""
    inside = json.loads(_inside(images, service, "python", "-c", _LISTING))
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "lock" / f"{service}.txt").read_text(), re.MULTILINE)
    extra = set(inside["packages"]) - {name.lower().replace("_", "-") for name in pinned}
    assert not extra
    assert inside["uid"] == 10001
    own = {"__init__.py", "common", service} | ({"vad"} if service == "engine" else set())
    assert set(inside["services"]) == own
    weights = {"silero_vad_16k.onnx", "smart_turn_v3.2.onnx"}
    assert (inside["clients"], inside["page"]) == ((["web"], True) if service == "ingress" else ([], False))
    assert set(inside["models"]) >= weights if service in ("vad", "engine") else not inside["models"]


@each
def test_nothing_is_written(images: Engine, service: str) -> None:
    """It explains itself with a root file system that is read-only, without capabilities, without a network."""
    assert f"services.{service}" in _inside(images, service, "python", "-m", f"services.{service}", "--help")
    written = images.call(images.program, "run", "--rm", "--read-only", _image(service), "touch", "/app/x")
    assert written.returncode != 0
