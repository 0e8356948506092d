"""Validates documents against Kubernetes' own schemas. Runs in .venv-k8s, by itself: `validate.py VERSION < documents`.

Reads a list of documents as JSON and writes a list of complaints as JSON. Strict: a field that the schema does not know
is a complaint. What is of a kind that Kubernetes itself has not is left out.
"""

from __future__ import annotations

import importlib
import json
import sys

_GROUPS = ("", "apps", "autoscaling", "batch", "policy")
_INSTALLED = ("gateway.networking.k8s.io",)
"""Groups that look like Kubernetes' own."""


def is_builtin(api_version: str) -> bool:
    """Tell whether Kubernetes itself has this API, rather than something that was installed into it."""
    group = api_version.rpartition("/")[0]
    return group in _GROUPS or (group.endswith(".k8s.io") and group not in _INSTALLED)


def main() -> int:
    """Validate, and give the exit status."""
    validator = importlib.import_module("kubernetes_validate")
    complaints = []
    for document in json.load(sys.stdin):
        if not is_builtin(document["apiVersion"]):
            continue
        title = f"{document['kind']}/{document['metadata']['name']}"
        try:
            validator.validate(document, sys.argv[1], strict=True)
        except validator.ValidationError as error:
            complaints.append(f"{title}: {'/'.join(map(str, error.path))}: {error.message}")
        except validator.SchemaNotFoundError as error:
            complaints.append(f"{title}: {error.message}")
    json.dump(complaints, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
