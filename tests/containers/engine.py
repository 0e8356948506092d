"""The container engine of this machine, as the tests need it: found, tried, and given what this machine wants."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SCRIPT: Final = ROOT / "scripts" / "containers.sh"
BASE_IMAGE: Final = Path(__file__).with_name("base_image.sh")
_MINUTES: Final = 60.0

# A sandbox may not allow the limits that podman gives by itself; these it allows everywhere.
_MODEST: Final = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
"""


class NoEngine(Exception):
    """No containers can be run here; the message says why, in plain words."""


def python_image() -> str:
    """Return the name of the base, which stands once: in the Dockerfile."""
    found = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    assert found
    return found[1]


def valkey_image() -> str:
    """Return the name of the store's image, which stands once: in compose.yaml."""
    found = re.search(r"\$\{VALKEY_IMAGE:-([^}]+)\}", (ROOT / "compose.yaml").read_text())
    assert found
    return found[1]


@dataclass(frozen=True)
class Engine:
    """Docker or podman, with the environment it is called with."""

    program: str
    env: Mapping[str, str] = field(default_factory=dict)

    def call(self, *command: str, minutes: float = 5.0, **env: str) -> subprocess.CompletedProcess[str]:
        """Run any command in the engine's environment."""
        whole = {**os.environ, **self.env, **env}
        return subprocess.run(
            command, cwd=ROOT, env=whole, text=True, capture_output=True, timeout=minutes * 60, check=False
        )

    def run(self, *arguments: str, minutes: float = 5.0) -> str:
        """Run the engine and return what it printed. Raises AssertionError with its words when it fails."""
        done = self.call(self.program, *arguments, minutes=minutes)
        assert done.returncode == 0, f"{self.program} {' '.join(arguments)}: {done.stderr or done.stdout}"
        return done.stdout.strip()

    def script(self, what: str, env: Mapping[str, str]) -> str:
        """Do what `make images`, `make up` or `make down` does. Raises AssertionError with its words when it fails."""
        chosen = Engine(self.program, {**self.env, **env, "CONTAINER_ENGINE": self.program})
        done = chosen.call(str(SCRIPT), what, minutes=_MINUTES)
        assert done.returncode == 0, f"make {what}: {done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def has(self, image: str) -> bool:
        """Tell whether an image is here."""
        return self.call(self.program, "image", "inspect", image).returncode == 0

    def provide(self, kind: str, image: str, *base: str) -> None:
        """Have an image: as it is here, from a registry, or a stand-in. Raises NoEngine."""
        if self.has(image) or self.call(self.program, "pull", "--quiet", image, minutes=10).returncode == 0:
            return
        if os.geteuid() != 0 or shutil.which("debootstrap") is None:
            raise NoEngine(
                f"{image} can't be fetched, and a stand-in needs root and debootstrap (apt install debootstrap)"
            )
        made = self.call(str(BASE_IMAGE), self.program, kind, image, *base, minutes=_MINUTES)
        if made.returncode != 0:
            raise NoEngine(f"{image} can't be fetched, and no stand-in can be made: {made.stderr.strip()[-500:]}")


def find() -> Engine:
    """Return an engine that runs containers here, with the base image. Raises NoEngine."""
    found = subprocess.run([str(SCRIPT), "engine"], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise NoEngine(found.stderr.strip())
    program = found.stdout.strip()
    plain = Engine(program)
    plain.provide("python", python_image())
    probe = ("run", "--rm", python_image(), "true")
    done = plain.call(program, *probe)
    if done.returncode == 0:
        return plain
    if program == "podman" and shutil.which("runc"):
        settings = Path(tempfile.mkdtemp(prefix="parley-containers-")) / "containers.conf"
        settings.write_text(_MODEST)
        modest = Engine(program, {"CONTAINERS_CONF": str(settings)})
        done = modest.call(program, *probe)
        if done.returncode == 0:
            return modest
    raise NoEngine(f"{program} can run no container here: {done.stderr.strip()[-500:]}")
