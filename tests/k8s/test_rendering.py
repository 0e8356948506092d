"""That Kustomize makes something of every overlay, and of every combination of components that is supported."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.k8s import combination, rendering, schemas
from tests.k8s.manifests import NAME, PARLEY, RING, Document, of_kind, one, secrets, title

CLUSTER_WIDE = ("Namespace", "PriorityClass")


@pytest.mark.parametrize("name", rendering.OVERLAYS)
@pytest.mark.parametrize("version", schemas.VERSIONS)
def test_overlay_is_valid(name: str, version: str) -> None:
    """An overlay renders, and every document of it is one that Kubernetes takes, without a field it does not know."""
    assert schemas.complaints(rendering.overlay(name), version) == []


def test_every_component_is_in_a_combination() -> None:
    """No folder of k8s/components is left out of what is tested."""
    assert {folder.name for folder in (rendering.K8S / "components").iterdir()} == combination.EVERY_COMPONENT
    assert {folder.name for folder in (rendering.K8S / "overlays").iterdir()} == set(rendering.OVERLAYS)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("choice", list(combination.choices()), ids=str)
def test_every_combination_is_valid(choice: combination.Combination) -> None:
    """All 768 supported combinations render, 32 at a time, into valid documents, none of which is there twice."""
    rendering.command()  # skips here, not in a thread
    with ThreadPoolExecutor(2) as pool:
        texts = list(pool.map(rendering.combined_text, combination.all_with(choice)))
    assert len(set(texts)) == 32
    different: dict[str, Document] = {}
    for text in texts:
        chunks = text.split("\n---\n")
        for chunk in chunks:
            if chunk not in different:
                (different[chunk],) = rendering.parsed(chunk)
        names = [(title(different[chunk]), different[chunk]["apiVersion"]) for chunk in chunks]
        assert len(names) == len(set(names))
    for version in schemas.VERSIONS:
        assert schemas.complaints(different.values(), version) == []


@pytest.mark.parametrize("mine", sorted(combination.EVERY_COMPONENT))
def test_component_changes_something(mine: str) -> None:
    """Whatever component is taken, something is different with it: none of its patches misses all targets."""
    with_it = next(each for each in combination.every() if each.has(mine))
    without = combination.Combination(tuple(name for name in with_it.components if name != mine))
    assert rendering.combined_text(with_it) != rendering.combined_text(without)


@pytest.mark.parametrize("name", rendering.OVERLAYS)
def test_everything_is_in_the_namespace(name: str) -> None:
    """What is not of the whole cluster is in the overlay's namespace, also what comes from a component."""
    for document in rendering.overlay(name):
        expected = None if document["kind"] in CLUSTER_WIDE else "parley"
        assert document["metadata"].get("namespace") == expected, title(document)


def test_everything_is_labelled() -> None:
    """Whatever is applied can be found by one label, and so deleted by it."""
    for document in rendering.combined(combination.FULLEST):
        assert document["metadata"]["labels"][PARLEY] == "parley", title(document)


def test_secrets_are_named_and_never_made() -> None:
    """No Secret is in any overlay: each is made by hand, or by cert-manager, and mounted by its name."""
    for name in rendering.OVERLAYS:
        documents = rendering.overlay(name)
        assert of_kind(documents, "Secret") == []
        for deployment in of_kind(documents, "Deployment"):
            assert all(secret.startswith("parley-") for secret in secrets(deployment))


def test_agents_profiles_are_mounted_whole() -> None:
    """The ConfigMap holds every profile of deploy/agents, letter by letter, and both who read profiles mount it."""
    documents = rendering.base()
    folder = rendering.ROOT / "deploy" / "agents"
    (agents,) = of_kind(documents, "ConfigMap")
    assert agents["data"] == {file.name: file.read_text() for file in folder.glob("*.yaml")}
    for name in ("vad", "broker"):
        volumes = one(documents, "Deployment", name)["spec"]["template"]["spec"]["volumes"]
        assert {"name": "agents", "configMap": {"name": agents["metadata"]["name"]}} in volumes


def test_base_is_of_one_shape() -> None:
    """Each service of the ring has the same files, so that who knows one knows all."""
    for service in RING:
        files = {file.name for file in Path(rendering.K8S / "base" / service).iterdir()}
        assert files - {"priorityclass.yaml"} == {
            "kustomization.yaml",
            "deployment.yaml",
            "service.yaml",
            "serviceaccount.yaml",
            "pdb.yaml",
            "hpa.yaml",
        }
        assert one(rendering.base(), "Deployment", service)["metadata"]["labels"][NAME] == service
