"""Manifests: rendered documents, and how to find one's way in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

Document = dict[str, Any]

RING: Final = ("ingress", "vad", "broker", "egress")
PARLEY: Final = "app.kubernetes.io/part-of"
NAME: Final = "app.kubernetes.io/name"


def of_kind(documents: Iterable[Document], *kinds: str) -> list[Document]:
    """Return the documents of these kinds."""
    return [document for document in documents if document["kind"] in kinds]


def one(documents: Iterable[Document], kind: str, name: str) -> Document:
    """Return the one of this kind and name; a KeyError if there is none."""
    for document in documents:
        if document["kind"] == kind and document["metadata"]["name"] == name:
            return document
    raise KeyError(f"{kind}/{name}")


def title(document: Document) -> str:
    """Name a document in a message."""
    return f"{document['kind']}/{document['metadata']['name']}"


def pod_of(deployment: Document) -> Document:
    """Return the pod's spec."""
    spec: Document = deployment["spec"]["template"]["spec"]
    return spec


def containers(deployment: Document) -> list[Document]:
    """Return every container of a Deployment's pods, those that come first included."""
    pod = pod_of(deployment)
    return [*pod.get("initContainers", ()), *pod["containers"]]


def variables(deployment: Document) -> dict[str, str | None]:
    """Return the environment of the pod's only container: None for what comes from elsewhere."""
    (container,) = pod_of(deployment)["containers"]
    return {entry["name"]: entry.get("value") for entry in container.get("env", ())}


def ports(deployment: Document) -> dict[str, int]:
    """Return the ports that the pod's only container names."""
    (container,) = pod_of(deployment)["containers"]
    return {port["name"]: port["containerPort"] for port in container.get("ports", ())}


def selects(selector: Document | None, labels: Document) -> bool:
    """Tell whether a label selector takes these labels. None takes nothing, {} everything."""
    if selector is None:
        return False
    assert set(selector) <= {"matchLabels", "matchExpressions"}, selector
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(_holds(expression, labels) for expression in selector.get("matchExpressions", ()))


def _holds(expression: Document, labels: Document) -> bool:
    key, values = expression["key"], expression.get("values", ())
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    raise AssertionError(f"an operator that there is not: {expression}")


def secrets(deployment: Document) -> set[str]:
    """Return the names of the Secrets that a Deployment's pods mount."""
    volumes = pod_of(deployment).get("volumes", ())
    return {volume["secret"]["secretName"] for volume in volumes if "secret" in volume}


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf of a document with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from walk(inner, f"{path}/{number}")
    else:
        yield path, value
