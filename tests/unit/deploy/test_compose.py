"""compose.yaml and its overlays: who is let near whom, how each is held. tests/containers runs them."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.broker.__main__ import USAGE as BROKER
from services.egress.__main__ import USAGE as EGRESS
from services.ingress.__main__ import USAGE as INGRESS
from services.vad.__main__ import USAGE as VAD

ROOT = Path(__file__).resolve().parents[3]
OVERLAYS = ("locked", "observability")
USAGES = {"ingress": INGRESS, "vad": VAD, "broker": BROKER, "egress": EGRESS}
EDGES = {
    frozenset(edge)
    for edge in (
        ("ingress", "vad"),
        ("vad", "broker"),
        ("broker", "egress"),
        ("egress", "ingress"),
        ("broker", "engine"),
        *(("valkey", stage) for stage in USAGES),
    )
}
_VERSION = re.compile(r":v?\d+[\w.-]*$")
_DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")


def _read(name: str) -> dict[str, Any]:
    path = ROOT / ("compose.yaml" if name == "ring" else f"deploy/compose.{name}.yaml")
    read: dict[str, Any] = yaml.safe_load(path.read_text())
    return read


RING = _read("ring")["services"]


def test_edges() -> None:
    """Two services share a network when one calls the other, and else never."""
    pairs = itertools.combinations(RING, 2)
    shared = {frozenset(pair) for pair in pairs if set(RING[pair[0]]["networks"]) & set(RING[pair[1]]["networks"])}
    assert shared == EDGES


def test_only_ingress_and_broker_reach_beyond_this_machine() -> None:
    """All networks are internal but two: the door's, and that on which the broker calls a model in the cloud."""
    networks = _read("ring")["networks"]
    open_ones = {name for name, about in networks.items() if not about.get("internal")}
    assert open_ones == {"front", "outside"}
    assert {name for name, service in RING.items() if open_ones & set(service["networks"])} == {"ingress", "broker"}


def test_published() -> None:
    """Only ingress is published, and unless told otherwise on the loopback."""
    assert [name for name, service in RING.items() if "ports" in service] == ["ingress"]
    assert all(port.startswith("${PARLEY_PUBLISH:-127.0.0.1}:") for port in RING["ingress"]["ports"])
    watching = _read("observability")["services"]
    for service in watching.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


@pytest.mark.parametrize("name", ["ring", "observability"])
def test_hardened(name: str) -> None:
    """Each container is read-only, without capabilities and ways to new privileges, bounded in memory, never in CPU."""
    for service, about in _read(name)["services"].items():
        if "image" not in about:
            continue
        assert about["read_only"], service
        assert about["cap_drop"] == ["ALL"], service
        assert about["security_opt"] == ["no-new-privileges:true"], service
        assert "mem_limit" in about, service
        assert not {"cpus", "cpu_quota", "privileged"} & set(about), service


@pytest.mark.parametrize("name", ["ring", "observability"])
def test_pinned(name: str) -> None:
    """What is not ours is taken at a version."""
    for about in _read(name)["services"].values():
        image = _DEFAULT.sub(r"\1", about.get("image", ""))
        assert not image or image.startswith("parley-") or _VERSION.search(image), image


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlays_speak_of_the_same(overlay: str) -> None:
    """An overlay names services of the ring, or ones of its own that are whole."""
    for name, about in _read(overlay)["services"].items():
        assert name in RING or "image" in about


@pytest.mark.parametrize("name", ["ring", *OVERLAYS])
def test_variables(name: str) -> None:
    """Every variable that a stage is given is one that its --help knows."""
    for service, usage in USAGES.items():
        known = set(re.findall(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b", str(usage)))
        given = set(_read(name)["services"].get(service, {}).get("environment", {}))
        secrets = {variable.removesuffix("_FILE") for variable in given if variable.endswith("_FILE")}
        unknown = {variable for variable in given if not variable.endswith("_FILE")} | secrets
        unknown -= known | {"OTEL_EXPORTER_OTLP_ENDPOINT", "PARLEY_ENGINE_KEY"}
        assert not unknown, service
