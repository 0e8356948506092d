"""Agent profiles: how an agent behaves, one YAML file each, read once at start.

The folder that PARLEY_AGENTS names holds `<name>.yaml` for the agent that a client asks for by name, and `default.yaml`
for clients that name none. Each section of a file belongs to a service, which reads it through a `Section` and leaves
the others alone. Without PARLEY_AGENTS there is one set of defaults, whatever name a client gives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Generic, TypeVar

from services.common.document import read
from services.common.errors import AgentFault, SettingsFault
from services.common.section import Section
from services.common.settings import Environment

VARIABLE: Final = "PARLEY_AGENTS"
DEFAULT: Final = "default"
SUFFIX: Final = ".yaml"
SECTIONS: Final = ("turn_taking", "model", "voice", "tools", "session")
"""Sections that a profile may have. vad reads the first, the broker the others."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MISTAKEN: Final = (".toml", ".yml", ".json")
"""What a profile may have been written as by mistake; it would otherwise be left out without a word."""
_LISTED: Final = 20
"""A client that asks for an unknown agent is told of so many, at most."""

T = TypeVar("T")


class Agents(Generic[T]):
    """What a service makes of its sections of every profile."""

    def __init__(self, profiles: Mapping[str, T], default: T, *, known_only: bool) -> None:
        self._profiles = dict(profiles)
        self._default = self._profiles.get(DEFAULT, default)
        self._known_only = known_only

    def find(self, name: str) -> T:
        """Return the profile of an agent, that of "" being the default's. Raises AgentFault when there is none."""
        if name in ("", DEFAULT) or not self._known_only:
            return self._default
        if name not in self._profiles:
            raise AgentFault(f"there is no agent {name!r}; there are: {_listed(self.names())}.")
        return self._profiles[name]

    def names(self) -> list[str]:
        """Return the names that clients may give, in order."""
        return sorted({DEFAULT, *self._profiles}) if self._known_only else [DEFAULT]


def read_agents(env: Environment, build: Callable[..., T], *names: str) -> Agents[T]:
    """Read every profile of the folder that PARLEY_AGENTS names, and build something of some sections of each.

    `build` is given one Section for each name; an empty one where a profile has none. Raises SettingsFault for whatever
    is wrong in a file.
    """
    default = _built(Path(f"{DEFAULT}{SUFFIX}"), {}, env, build, names)
    if not (folder := env.text(VARIABLE)):
        return Agents({}, default, known_only=False)
    profiles = {file.stem: _built(file, _sections(file), env, build, names) for file in _files(Path(folder))}
    return Agents(profiles, default, known_only=True)


def _built(
    file: Path, given: Mapping[str, Section], env: Environment, build: Callable[..., T], names: tuple[str, ...]
) -> T:
    sections = [given.get(name) or Section(file, name) for name in names]
    for section in sections:
        section.env = env
    profile = build(*sections)
    for section in sections:
        section.finish()
    return profile


def _files(folder: Path) -> list[Path]:
    try:
        there = sorted(file for file in folder.iterdir() if not file.name.startswith("."))
    except OSError as error:
        raise SettingsFault(f"{VARIABLE}={str(folder)!r} must be a folder: {error.strerror or error}.") from error
    for file in there:
        if file.suffix in _MISTAKEN:
            what = "rename it to" if file.suffix == ".yml" else "write it again, as YAML, in"
            raise SettingsFault(f"{file}: profiles are YAML files named .yaml: {what} {file.stem}{SUFFIX}.")
    files = [file for file in there if file.suffix == SUFFIX]
    if not files:
        raise SettingsFault(f"{VARIABLE}={str(folder)!r} holds no profile: put a {DEFAULT}{SUFFIX} there.")
    for file in files:
        if not _NAME.fullmatch(file.stem):
            raise SettingsFault(f"{file}: an agent's name has up to 64 letters, digits, - and _. Rename the file.")
    return files


def _sections(file: Path) -> dict[str, Section]:
    sections = {}
    for name, node in read(file).items():
        at = f"{file}:{node.line}"
        if name not in SECTIONS:
            kind = f"section {name}" if isinstance(node.value, dict) else f"key {name!r} outside the sections"
            raise SettingsFault(f"{at}: there is no {kind}; the sections are {', '.join(SECTIONS)}.")
        if node.value is not None and not isinstance(node.value, dict):
            raise SettingsFault(f"{at}: {name} is a section: write its keys below it, further in, each on a line.")
        sections[name] = Section(file, name, node.value or {}, node.line)
    return sections


def _listed(names: list[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")
