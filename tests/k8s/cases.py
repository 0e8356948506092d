"""Cases: the sets of manifests for which the rules of k8s/ hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from tests.k8s.combination import FULLEST
from tests.k8s.manifests import RING, Document, of_kind, one
from tests.k8s.rendering import combined, overlay

Documents = Callable[[], tuple[Document, ...]]

_LARGE: Final = [
    pytest.param(lambda: overlay("production"), id="production"),
    pytest.param(lambda: combined(FULLEST), id="fullest"),
]

everywhere = pytest.mark.parametrize("documents", [*_LARGE, pytest.param(lambda: overlay("local"), id="local")])
beyond_one_node = pytest.mark.parametrize("documents", _LARGE)
"""Rules of size, which the overlay `local` may break, and says so in its own files."""


def deployments(documents: Documents) -> list[Document]:
    """Return every Deployment."""
    return of_kind(documents(), "Deployment")


def ring(documents: Documents) -> list[Document]:
    """Return the Deployments of the ring."""
    return [one(documents(), "Deployment", name) for name in RING]
