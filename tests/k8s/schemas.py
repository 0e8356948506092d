"""Schemas: whether documents are what Kubernetes, or what is installed into it, takes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

from tests.k8s import custom
from tests.k8s.manifests import Document
from tests.k8s.rendering import ROOT
from tests.k8s.validate import is_builtin

VERSIONS: Final = ("1.30", "1.37")
"""The oldest that has what the manifests ask for (preStop's sleep), and the newest whose schemas are installed."""
_PYTHON: Final = ROOT / ".venv-k8s" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
_LONGEST_S: Final = 100


def complaints(documents: Iterable[Document], version: str) -> list[str]:
    """Return what is wrong with the documents. Skips the test where the schemas are not installed."""
    different = list({json.dumps(document, sort_keys=True): document for document in documents}.values())
    installed = [each for each in different if not is_builtin(each["apiVersion"])]
    found = [complaint for document in installed for complaint in custom.complaints(document)]
    return found + _builtin_complaints(different, version)


def _builtin_complaints(documents: list[Document], version: str) -> list[str]:
    if not _PYTHON.exists():
        pytest.skip("Kubernetes' schemas are not installed: `make test-k8s` does it")
    done = subprocess.run(
        [str(_PYTHON), str(Path(__file__).with_name("validate.py")), version],
        input=json.dumps(documents),
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found
