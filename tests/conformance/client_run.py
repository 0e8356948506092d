"""An official client as a process of its own: started with the engine's address, and heard out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_ENVIRONMENT = ROOT / ".venv-sdk" / "bin"
_NODE_FOLDER = Path(__file__).with_name("node")
_PATIENCE_S = 60

Facts = dict[str, Any]

SPEECH = {"question": "what is two plus three", "long": "could you please count from twenty to forty two"}
"""What is spoken to the engine, by the names of the files."""


@dataclass(frozen=True, slots=True)
class Client:
    """How to start a client, and the scenarios it plays; `missing` says what is not there, if anything."""

    command: tuple[str, ...]
    scenarios: tuple[str, ...]
    missing: str = ""

    def playing(self, *scenarios: str) -> Client:
        """The same client with other scenarios."""
        return replace(self, scenarios=scenarios)


@dataclass(frozen=True, slots=True)
class ClientRun:
    """What a client told of its scenarios. `remarks` is its standard error."""

    lines: Mapping[str, Facts]
    remarks: str

    def facts(self, scenario: str) -> Facts:
        """What came of a scenario. Fails the test when it did not end well."""
        line = self.lines.get(scenario)
        assert line is not None, f"nothing was told of {scenario}; the client said:\n{self.remarks}"
        assert "facts" in line, f"{scenario} failed:\n{line['failure']}\nThe client said:\n{self.remarks}"
        facts: Facts = line["facts"]
        return facts


Run = Callable[[Client], ClientRun]


def python_client(name: str, *scenarios: str) -> Client:
    """A client in Python, in the environment that holds the official packages."""
    python = _ENVIRONMENT / "python"
    missing = "" if python.exists() else "the official Python packages are not installed: make conformance"
    return Client((str(python), "-m", f"tests.conformance.clients.{name}"), scenarios, missing)


def node_client(name: str, *scenarios: str) -> Client:
    """A client under Node.js, with the packages that npm installed."""
    own = _ENVIRONMENT / "node"
    node = str(own) if own.exists() else shutil.which("node") or ""
    command = (node, str(_NODE_FOLDER / f"{name}.mjs"))
    if not node:
        return Client(command, scenarios, "there is no Node.js on this machine")
    if not (_NODE_FOLDER / "node_modules" / "@openai").exists():
        return Client(command, scenarios, "npm has not installed the official packages: make conformance")
    return Client(command, scenarios)


def run_client(client: Client, engine_url: str, speech: Path) -> ClientRun:
    """Run the scenarios of a client and collect what it tells. A client that does not end is killed."""
    # The SDKs' own tracing would call a server elsewhere; what they ask of the engine stays as it is.
    environment = {**os.environ, "OPENAI_AGENTS_DISABLE_TRACING": "1", "OPENAI_API_KEY": "", "NO_COLOR": "1"}
    command = [*client.command, engine_url, str(speech), *client.scenarios]
    try:
        ended = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode(errors="replace")
        return ClientRun(_lines(output), f"it had not ended after {_PATIENCE_S} s")
    return ClientRun(_lines(ended.stdout), f"(status {ended.returncode})\n{ended.stderr}")


def _lines(output: str) -> dict[str, Facts]:
    told = [json.loads(line) for line in output.splitlines() if line.startswith('{"scenario"')]
    return {line["scenario"]: line for line in told}
