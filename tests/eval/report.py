"""Report: the figures as a file, and what they were found on."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.eval.folder import Folder


def about(options: argparse.Namespace, folder: Folder, unreadable: Sequence[str], took_s: float) -> dict[str, Any]:
    """Return what was run on what."""
    return {
        "data": options.data.name if options.data else "synthesised",
        "parts": list(options.only),
        "seed": options.seed,
        "half": options.half,
        "limit": options.limit,
        "skipped": folder.missing,
        "left_out": len(folder.problems) + len(unreadable),
        "problems": [*folder.problems, *unreadable][:50],
        "took_s": round(took_s, 1),
    }


def write(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all. Raises OSError."""
    handle, partial = tempfile.mkstemp(dir=path.resolve().parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(partial).chmod(0o644)
        Path(partial).replace(path)
    except OSError:
        Path(partial).unlink(missing_ok=True)
        raise


def save(found: dict[str, Any], path: Path) -> None:
    """Write the figures as JSON. Raises OSError."""
    write(path, (json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())
