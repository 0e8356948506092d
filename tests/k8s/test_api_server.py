"""That a real API server takes the manifests: a dry run at the one that KUBECONFIG names, which changes nothing there.

What needs something that is not installed in that cluster (cert-manager, the Gateway API, KEDA, prometheus-operator) is
left out, and named.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable

import pytest
import yaml

from tests.k8s import combination
from tests.k8s.manifests import Document, title
from tests.k8s.rendering import combined, overlay
from tests.k8s.validate import is_builtin

_LONGEST_S = 250
SETS = {
    "local": lambda: overlay("local"),
    "production": lambda: overlay("production"),
    "fullest": lambda: combined(combination.FULLEST),
}


def kubectl(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run kubectl."""
    return subprocess.run(
        ["kubectl", *arguments], input=given, capture_output=True, text=True, timeout=_LONGEST_S, check=False
    )


@pytest.fixture(scope="module")
def apis() -> set[str]:
    """The API versions that the server has. Skips where there is no server to ask."""
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("KUBECONFIG is not set: there is no API server to ask")
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not on the PATH")
    asked = kubectl("api-versions", "--request-timeout=20s")
    if asked.returncode:
        pytest.skip(f"the API server that KUBECONFIG names can't be reached: {asked.stderr.strip()[:200]}")
    return set(asked.stdout.split())


def moved(documents: Iterable[Document]) -> list[Document]:
    """Return the documents as they would be in the namespace `default`: a dry run makes no namespace for the others."""
    return [
        {**document, "metadata": {**document["metadata"], "namespace": "default"}}
        if "namespace" in document["metadata"]
        else document
        for document in documents
    ]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SETS)
def test_server_side_dry_run(name: str, apis: set[str]) -> None:
    """The server admits every document whose kind it knows, strictly: no field is unknown, none is there twice."""
    documents = moved(SETS[name]())
    there = [document for document in documents if document["apiVersion"] in apis]
    missing = [document for document in documents if document["apiVersion"] not in apis]
    assert not [title(document) for document in missing if is_builtin(document["apiVersion"])], "too old a server"
    flags = (
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "--validate=strict",
        "--field-manager=parley-test",
    )
    done = kubectl("apply", *flags, "-f", "-", given=yaml.safe_dump_all(there))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("(server dry run)") == len(there)
    assert "Warning" not in done.stderr, done.stderr
    if missing:
        left_out = ", ".join(map(title, missing))
        print(f"\n{name}: {len(there)} documents were taken; left out, for their kinds are not installed: {left_out}")
