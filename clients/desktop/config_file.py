"""The config file: where this system keeps such files, and what stands in it."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from .failures import UsageError

NAME = "desktop.toml"


def default_path(
    platform: str = sys.platform, environment: Mapping[str, str] = os.environ, home: Path | None = None
) -> Path:
    """Return where the file is looked for when nobody says where."""
    home = home or Path.home()
    if platform == "win32":
        return Path(environment.get("APPDATA") or home / "AppData" / "Roaming") / "Parley" / NAME
    if platform == "darwin":
        return home / "Library" / "Application Support" / "Parley" / NAME
    return Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "parley" / NAME


def read(path: Path, *, is_needed: bool) -> dict[str, object]:
    """Return what stands in it; nothing where there is none and none `is_needed`. Raises UsageError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if is_needed:
            raise UsageError(f"There is no config file {path}: check --config and PARLEY_CONFIG.") from None
        return {}
    except OSError as problem:
        raise UsageError(
            f"Cannot read {path} ({problem.strerror or problem}): check who may, or name another."
        ) from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not TOML, for it is not UTF-8: write it anew.") from None
    except tomllib.TOMLDecodeError as problem:
        raise UsageError(f"{path} is not TOML: {' '.join(str(problem).split())}.") from None
