"""Agent profiles: how an agent behaves, one TOML file each, read once at start.

The folder that PARLEY_AGENTS names holds `<name>.toml` for the agent that a client asks for by name, and `default.toml`
for clients that name none. Each section of a file belongs to a service, which reads it through a `Section` and leaves
the others alone. Without PARLEY_AGENTS there is one set of defaults, whatever name a client gives.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic, TypeVar

from services.common.errors import AgentFault, SettingsFault
from services.common.settings import Environment

VARIABLE: Final = "PARLEY_AGENTS"
DEFAULT: Final = "default"
SECTIONS: Final = ("turn_taking", "model", "voice", "tools", "session")
"""Sections that a profile may have. A service reads its own; no service has all of them yet."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LISTED: Final = 20
"""A client that asks for an unknown agent is told of so many, at most."""

T = TypeVar("T")


@dataclass
class Section:
    """One section of one profile: typed values, and faults that name file and line."""

    file: Path
    name: str
    values: Mapping[str, object] = field(default_factory=dict)
    text: str = ""
    """The whole file."""
    _known: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where the profile lies: what its paths start from."""
        return self.file.parent

    def choice(self, key: str, default: T, choices: Mapping[str, T]) -> T:
        """Return what a word stands for. Raises SettingsFault for any other."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, str) or value not in choices:
            raise self.fault(key, f"must be {_either(choices)}, not {value!r}.")
        return choices[value]

    def words(self, key: str) -> tuple[str, ...] | None:
        """Return a list of strings, None if there is none. Raises SettingsFault for anything else, or an empty one."""
        value = self._take(key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            raise self.fault(key, f'must be a list of words, such as ["one", "two"], not {value!r}.')
        return tuple(item.strip() for item in value)

    def finish(self) -> None:
        """Raise SettingsFault for a key that nobody asked for."""
        for key in self.values:
            if key not in self._known:
                raise self.fault(key, f"is unknown; there are: {', '.join(self._known)}.")

    def fault(self, key: str, what: str) -> SettingsFault:
        """Return the fault that says `what` is wrong with a key, and where it stands."""
        line = _line_of(self.text, self.name, key)
        return SettingsFault(f"{self.file}{f':{line}' if line else ''}: {key} in [{self.name}] {what}")

    def _take(self, key: str) -> object:
        self._known.append(key)
        return self.values.get(key)


class Agents(Generic[T]):
    """What a service makes of its section of every profile."""

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


def read_agents(env: Environment, section: str, build: Callable[[Section], T]) -> Agents[T]:
    """Read every profile of the folder that PARLEY_AGENTS names, and build something of one section of each.

    `build` is given an empty section where a profile has none. Raises SettingsFault for whatever is wrong in a file.
    """
    nothing = Section(Path(f"{DEFAULT}.toml"), section)
    if not (folder := env.text(VARIABLE)):
        return Agents({}, _built(nothing, build), known_only=False)
    profiles = {file.stem: _built(_section(file, section), build) for file in _files(Path(folder))}
    return Agents(profiles, _built(nothing, build), known_only=True)


def _built(section: Section, build: Callable[[Section], T]) -> T:
    profile = build(section)
    section.finish()
    return profile


def _files(folder: Path) -> list[Path]:
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix == ".toml" and not file.name.startswith("."))
    except OSError as error:
        raise SettingsFault(f"{VARIABLE}={str(folder)!r} must be a folder: {error.strerror or error}.") from error
    if not files:
        raise SettingsFault(f"{VARIABLE}={str(folder)!r} holds no profile: put a {DEFAULT}.toml there.")
    for file in files:
        if not _NAME.fullmatch(file.stem):
            raise SettingsFault(f"{file}: an agent's name has up to 64 letters, digits, - and _. Rename the file.")
    return files


def _section(file: Path, name: str) -> Section:
    try:
        text = file.read_text(encoding="utf-8-sig")
        document = tomllib.loads(text)
    except OSError as error:
        raise SettingsFault(f"{file} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise SettingsFault(f"{file} is not in UTF-8. Save it again as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        raise SettingsFault(f"{file}{f':{place[1]}' if place else ''}: this is no TOML: {error}.") from error
    for section, values in document.items():
        line = _line_of(text, "", section)
        at = f"{file}:{line}" if line else str(file)
        if section not in SECTIONS:
            kind = f"section [{section}]" if isinstance(values, dict) else f"key {section!r} outside the sections"
            raise SettingsFault(f"{at}: there is no {kind}; the sections are {', '.join(SECTIONS)}.")
        if not isinstance(values, dict):
            raise SettingsFault(f"{at}: {section} is a section: write [{section}] on a line of its own.")
    return Section(file, name, document.get(name, {}), text)


def _line_of(text: str, section: str, key: str) -> int:
    """Return the line of a key, or (section "") of a section or a key outside of all; 0 if it can't be told.

    TOML can be written in ways that this does not see through; it serves messages only.
    """
    at = ""
    bare = re.escape(key)
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[+\s*[\"']?([^\"'\]]+?)[\"']?\s*\]", line):
            at = header[1].partition(".")[0].strip()
            if not section and at == key:
                return number
        elif (at == section and re.match(rf"\s*[\"']?{bare}[\"']?\s*[=.]", line)) or (
            section and not at and re.match(rf"\s*{re.escape(section)}\s*(\.\s*{bare}\s*=|=.*\b{bare}\b)", line)
        ):
            return number
    return 0


def _either(choices: Iterable[str]) -> str:
    *first, last = (f'"{choice}"' for choice in choices)
    return f"{', '.join(first)} or {last}" if first else last


def _listed(names: list[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")
