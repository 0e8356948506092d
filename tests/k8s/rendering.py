"""Rendering: what Kustomize makes of a folder. Whatever of `kubectl` and `kustomize` is on the PATH does it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.k8s.combination import Combination
from tests.k8s.manifests import Document

ROOT: Final = Path(__file__).resolve().parents[2]
K8S: Final = ROOT / "k8s"
OVERLAYS: Final = ("local", "production")
_LONGEST_S: Final = 100
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_REDIS_URL: Final = """
configMapGenerator:
  - name: parley-redis
    literals: [url=rediss://parley@redis.example.com:6379/0]
"""
"""What the component redis-external leaves to the overlay."""


def command() -> list[str]:
    """Return how to call Kustomize; skips the test where there is none."""
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    if shutil.which("kubectl"):
        return ["kubectl", "kustomize"]
    pytest.skip("neither kustomize nor kubectl is on the PATH, so nothing can be rendered")


def rendered_text(folder: Path) -> str:
    """Render a folder. An AssertionError says what Kustomize said if it can't."""
    done = subprocess.run(
        [*command(), str(folder)], capture_output=True, text=True, timeout=_LONGEST_S, check=False, env=os.environ
    )
    assert done.returncode == 0, f"{folder} can't be rendered:\n{done.stderr}"
    assert "deprecated" not in done.stderr, done.stderr
    return done.stdout


def parsed(text: str) -> tuple[Document, ...]:
    """Return the documents of a stream of YAML."""
    return tuple(document for document in yaml.load_all(text, Loader=_LOADER) if document)


@cache
def overlay(name: str) -> tuple[Document, ...]:
    """Render one of k8s/overlays."""
    return parsed(rendered_text(K8S / "overlays" / name))


@cache
def base() -> tuple[Document, ...]:
    """Render the base by itself."""
    return parsed(rendered_text(K8S / "base"))


def combined_text(combination: Combination) -> str:
    """Render the base with these components, as an overlay of one's own would."""
    with tempfile.TemporaryDirectory(prefix="parley-k8s-") as name:
        folder = Path(name).resolve()
        way = os.path.relpath(K8S, folder)
        lines = [
            "apiVersion: kustomize.config.k8s.io/v1beta1",
            "kind: Kustomization",
            "namespace: parley",
            f"resources: [{way}/base]",
            "components:",
            *(f"  - {way}/components/{component}" for component in combination.components),
        ]
        text = "\n".join(lines) + (_REDIS_URL if combination.has("redis-external") else "\n")
        (folder / "kustomization.yaml").write_text(text)
        return rendered_text(folder)


@cache
def combined(combination: Combination) -> tuple[Document, ...]:
    """Render a combination and parse it."""
    return parsed(combined_text(combination))
