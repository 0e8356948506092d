"""Documents: YAML files that people write, read so that every fault names file and line.

The YAML is 1.2's core, not the 1.1 that PyYAML resolves by itself: `no`, `yes`, `on`, `off` and `12:30` are text, only
`true` and `false` are booleans, and a key that stands twice is an error. Tags, anchors and aliases are refused: nothing
in a profile needs them, and by them a small file becomes a huge one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import yaml

from services.common.errors import SettingsFault

MOST_BYTES: Final = 128 * 1024
"""A profile is a few kilobytes; PyYAML needs a second for as much as this."""
DEEPEST: Final = 24

_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
"""A leading zero makes a text: it is a telephone number or a code."""
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")
_WORDS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}
_END: Final = (yaml.SequenceEndEvent, yaml.MappingEndEvent)

Value: TypeAlias = "bool | int | float | str | tuple[Node, ...] | dict[str, Node] | None"


@dataclass(frozen=True, slots=True)
class Node:
    """A value, and the line on which it stands: that of its key, where it has one."""

    value: Value
    line: int

    def plain(self) -> object:
        """Return the value as JSON knows it, without lines."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value

    def shown(self) -> str:
        """Return the value as an error's message shows it, at most a few words."""
        match self.value:
            case None:
                return "nothing"
            case bool():
                return str(self.value).lower()
            case dict():
                return "a section"
            case tuple():
                return "a list"
        text = repr(self.value)
        return text if len(text) <= 60 else f"{text[:56]} …{text[-1]}"


def read(file: Path) -> dict[str, Node]:
    """Read a file; one that is empty, or all comment, holds no keys. Raises SettingsFault, naming file and line."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise SettingsFault(f"{file} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise SettingsFault(f"{file} is not in UTF-8. Save it again as UTF-8.") from error
    if len(data) > MOST_BYTES:
        raise SettingsFault(f"{file} is longer than {MOST_BYTES // 1024} KiB: no profile is.")
    return parse(text, file)


def parse(text: str, file: Path) -> dict[str, Node]:
    """Parse the text of a file. Raises SettingsFault, naming file and line."""
    try:
        return _Parser(text, file).mapping()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"{file}:{mark.line + 1}" if mark else str(file)
        why = error.problem or error.context or "nobody knows why"
        why = "a tab cannot stand here: indent with spaces" if "'\\t'" in why else why
        raise SettingsFault(f"{at}: this is no YAML: {why}.") from error
    except yaml.YAMLError as error:  # a character that no text has
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position) + 1
        raise SettingsFault(f"{file}:{line}: this is no YAML: it holds a character that no text has.") from error


class _Parser:
    """Makes the tree of a document out of the parser's events."""

    def __init__(self, text: str, file: Path) -> None:
        self._file = file
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.BaseLoader)
        self._depth = 0

    def mapping(self) -> dict[str, Node]:
        """Return the document's keys."""
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise self._fault(event, "a second document begins here: a file holds one.")
                root = self._node(next(self._events))
        if root is None or root.value is None:
            return {}
        if not isinstance(root.value, dict):
            raise SettingsFault(f"{self._file}:{root.line}: here stands no key: a profile is made of `key: value`.")
        return root.value

    def _node(self, event: yaml.Event, line: int = 0) -> Node:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self._fault(event, "anchors and aliases (& and *) are not taken: write it out, or put it in quotes.")
        if getattr(event, "tag", None) not in (None, "!"):
            raise self._fault(event, "tags (!) are not taken: leave it out, or put it in quotes.")
        line = line or _line(event)
        if isinstance(event, yaml.ScalarEvent):
            return Node(event.value if event.style else _resolved(event.value), line)
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._fault(event, f"this is nested more than {DEEPEST} deep.")
        is_list = isinstance(event, yaml.SequenceStartEvent)
        value: Value = tuple(self._node(item) for item in self._until_end()) if is_list else self._pairs()
        self._depth -= 1
        return Node(value, line)

    def _pairs(self) -> dict[str, Node]:
        pairs: dict[str, Node] = {}
        for event in self._until_end():
            key = self._node(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise self._fault(event, "a key is one word, not a list or a section.")
            if (name := event.value) in pairs:
                raise self._fault(event, f"{name} stands here again: line {pairs[name].line} has it already.")
            pairs[name] = self._node(next(self._events), key.line)
        return pairs

    def _until_end(self) -> Iterator[yaml.Event]:
        while not isinstance(event := next(self._events), _END):
            yield event

    def _fault(self, event: yaml.Event, what: str) -> SettingsFault:
        return SettingsFault(f"{self._file}:{_line(event)}: {what}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _resolved(text: str) -> Value:
    """Return what a plain scalar stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text
