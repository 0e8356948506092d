"""Section: one section of a profile, read key by key: typed values, and faults that name file and line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from services.common.document import Node
from services.common.errors import SettingsFault
from services.common.settings import Environment

_SECRET_BYTES: Final = 16 * 1024
_NOTHING: Final = Node(None, 0)

T = TypeVar("T")


@dataclass
class Section:
    """The keys of one mapping. Whoever reads it asks for each key once; `finish` finds those that nobody asked for.

    A key with nothing behind it (`greeting:`) counts as absent. Every method that reads raises SettingsFault, naming
    file, line, key, what there is, and what there should be.
    """

    file: Path
    name: str
    """Its name in messages; "" for a file without sections."""
    keys: Mapping[str, Node] = field(default_factory=dict)
    line: int = 0
    env: Environment = field(default_factory=lambda: Environment({}))
    """Where the secrets are that the file names."""
    _known: list[str] = field(default_factory=list)
    _inner: list[Section] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where the profile lies: what its paths start from."""
        return self.file.parent

    @property
    def profile(self) -> str:
        """The name of the agent, or of whatever else the file describes."""
        return self.file.stem

    def has(self, key: str) -> bool:
        """Say whether a key is there with something behind it. It is not read by that."""
        return self.keys.get(key, _NOTHING).value is not None

    def choice(self, key: str, default: T, choices: Mapping[str, T]) -> T:
        """Return what a word stands for."""
        value = self._take(key).value
        if value is None:
            return default
        if not isinstance(value, str) or value not in choices:
            raise self._wrong(key, either(choices))
        return choices[value]

    def text(self, key: str, default: str = "", *, most: int = 2_000, kind: str = "text") -> str:
        """Return a text of at most `most` characters, without the white space around it."""
        value = self._take(key).value
        if value is None:
            return default
        if isinstance(value, bool | int | float):
            raise self.fault(key, f"must be {kind}: put it in quotes.")
        if not isinstance(value, str):
            raise self._wrong(key, kind)
        if len(value := value.strip()) > most:
            raise self.fault(key, f"has {len(value)} characters; it may have {most}.")
        return value

    def words(self, key: str, *, most: int = 1_000) -> tuple[str, ...] | None:
        """Return a list of texts, None if there is none; an empty one is one, too."""
        node = self._take(key)
        if node.value is None:
            return None
        if not isinstance(node.value, tuple):
            raise self._wrong(key, "a list of words, such as [one, two]")
        if len(node.value) > most:
            raise self.fault(key, f"has {len(node.value)} words; it may have {most}.")
        words = [item.value.strip() if isinstance(item.value, str) else "" for item in node.value]
        for word, item in zip(words, node.value, strict=True):
            if not word:
                hint = ": put it in quotes" if isinstance(item.value, bool | int | float) else ""
                raise self._at(item.line, key, f"must be a list of words; {item.shown()} is none{hint}.")
        return tuple(words)

    def number(self, key: str, default: float, low: float, high: float, unit: str = "a number") -> float:
        """Return a number from `low` to `high`."""
        value = self._take(key).value
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self._wrong(key, f"{unit} from {low:g} to {high:g}")
        return float(value)

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        value = self._take(key).value
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self._wrong(key, f"a whole number from {low} to {high}")
        return value

    def seconds(self, key: str, default: float, low: float, high: float) -> float:
        """Return a time in seconds."""
        return self.number(key, default, low, high, "seconds")

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false; `yes` and `on` are words, not those."""
        value = self._take(key).value
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def secret(self, key: str, *, optional: bool = False) -> str:
        """Return the secret that `<key>_env` (a variable) or `<key>_file` (a file) holds; "" where neither is named.

        A variable X may be given as X_FILE, which names a file. `optional`: one that is not set is no fault, but none.
        """
        if self.has(key):
            raise self.fault(key, f"would stand open in a file: name where it is by {key}_env or {key}_file.")
        by_env, by_file = f"{key}_env", f"{key}_file"
        variable, path = self.text(by_env), self.text(by_file)
        if variable and path:
            raise self.fault(by_file, f"names a second place: {by_env} names one already.")
        if variable:
            secret = self.env.secret(variable).strip()
            if not secret and not optional:
                raise self.fault(by_env, f"names {variable}, which is not set.")
            return self._printable(by_env, variable, secret)
        return self._printable(by_file, path, self._file(by_file, path)) if path else ""

    def section(self, key: str) -> Section:
        """Return the section behind a key; an empty one where there is none."""
        node = self._take(key)
        if node.value is not None and not isinstance(node.value, dict):
            raise self._wrong(key, "a section: keys of its own, each on a line, further in")
        return self._within(key, node.value or {}, node.line or self.line)

    def sections(self, key: str, *, most: int = 100) -> tuple[Section, ...]:
        """Return the sections of a list, each of which begins with `- `; none where there is no list."""
        node = self._take(key)
        if node.value is None:
            return ()
        if not isinstance(node.value, tuple):
            raise self._wrong(key, "a list of sections, each beginning with `- `")
        if len(node.value) > most:
            raise self.fault(key, f"has {len(node.value)} entries; it may have {most}.")
        sections = []
        for item in node.value:
            if not isinstance(item.value, dict):
                raise self._at(item.line, key, f"must be a list of sections; {item.shown()} is none.")
            sections.append(self._within(key, item.value, item.line))
        return tuple(sections)

    def texts(self, key: str) -> dict[str, str]:
        """Return a section whose keys are free and whose values are texts: headers, a query."""
        section = self.section(key)
        return {name: section.text(name) for name in section.keys}

    def json(self, key: str) -> dict[str, object]:
        """Return a section as JSON knows it, whatever is in it; {} where there is none."""
        node = self._take(key)
        if node.value is not None and not isinstance(node.value, dict):
            raise self._wrong(key, "a section")
        return {name: inner.plain() for name, inner in (node.value or {}).items()}

    def finish(self) -> None:
        """Raise SettingsFault for a key that nobody asked for, here or in the sections within."""
        for key in self.keys:
            if key not in self._known:
                known = ", ".join(sorted(set(self._known), key=self._known.index)) or "none"
                raise self.fault(key, f"is unknown; there are: {known}.")
        for section in self._inner:
            section.finish()

    def fault(self, key: str, what: str) -> SettingsFault:
        """Return the fault that says `what` is wrong with a key, and where it stands."""
        return self._at(self.keys.get(key, _NOTHING).line or self.line, key, what)

    def _wrong(self, key: str, wanted: str) -> SettingsFault:
        return self.fault(key, f"must be {wanted}, not {self.keys[key].shown()}.")

    def _at(self, line: int, key: str, what: str) -> SettingsFault:
        place = f" in {self.name}" if self.name else ""
        return SettingsFault(f"{self.file}{f':{line}' if line else ''}: {key}{place} {what}")

    def _within(self, key: str, keys: Mapping[str, Node], line: int) -> Section:
        name = f"{self.name}.{key}" if self.name else key
        self._inner.append(section := Section(self.file, name, keys, line, self.env))
        return section

    def _take(self, key: str) -> Node:
        self._known.append(key)
        return self.keys.get(key, _NOTHING)

    def _file(self, key: str, path: str) -> str:
        try:
            with (self.folder / path).open(encoding="utf-8") as stream:
                text = stream.read(_SECRET_BYTES).strip()
        except (OSError, UnicodeDecodeError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it holds no text"
            raise self.fault(key, f"names {path}, which cannot be read: {why}.") from error
        if not text:
            raise self.fault(key, f"names {path}, which is empty.")
        return text

    def _printable(self, key: str, where: str, secret: str) -> str:
        if not (secret.isascii() and secret.isprintable()):
            raise self.fault(key, f"names {where}, which holds characters that no key has; copy it again.")
        return secret


def either(choices: Iterable[str]) -> str:
    """Say which words there are to choose from."""
    *first, last = (f'"{choice}"' for choice in choices)
    return f"{', '.join(first)} or {last}" if first else last
