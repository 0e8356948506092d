"""Folder: a data set read from its manifests. What can't be used is left out, counted, and told by file and line."""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Final, Protocol, TypeVar

from tests.eval.audio import AudioError, check

EXPECTED: Final = ("yield", "ignore", "either")
_SLACK_S: Final = 0.5
"""A label may lie this far behind the end of its clip."""

Row = dict[str, str]
Span = tuple[float, float]


class DataError(Exception):
    """The folder can't be used; the message says why and what to do."""


class RowError(Exception):
    """A row of a manifest can't be used; the message says why."""


@dataclass(frozen=True)
class OverlapClip:
    """What the microphone picks up while the assistant speaks."""

    path: str
    group: str
    kind: str
    expect: str
    onset_s: float
    end_s: float


@dataclass(frozen=True)
class TurnClip:
    """A turn of the person's, with its pauses."""

    path: str
    group: str
    end_s: float | None
    """None: the clip stops before the turn does."""
    holds: tuple[Span, ...]


@dataclass(frozen=True)
class VadClip:
    """Sound in which the segments with speech are known."""

    path: str
    group: str
    segments: tuple[Span, ...]


@dataclass(frozen=True)
class NoiseClip:
    """Noise to mix in, or a room impulse response (kind `rir`)."""

    path: str
    group: str
    kind: str


class Clip(Protocol):
    """What all of them have."""

    @property
    def path(self) -> str:
        """Relative to the folder."""
        ...

    @property
    def group(self) -> str:
        """Whose voice it is, or where it was recorded: clips of one group are not independent."""
        ...


C = TypeVar("C", bound=Clip)


@dataclass
class Folder:
    """The clips that can be used, and what can't."""

    root: Path
    overlap: list[OverlapClip] = field(default_factory=list)
    turns: list[TurnClip] = field(default_factory=list)
    vad: list[VadClip] = field(default_factory=list)
    noise: list[NoiseClip] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Manifests that are not there, or not to be read."""
    problems: list[str] = field(default_factory=list)
    """Rows that were left out."""

    def half(self, wanted: str) -> None:
        """Keep one half, `a` or `b`, of the speakers and sources. Noise to mix in stays whole."""
        self.overlap = [clip for clip in self.overlap if half_of(clip.group) == wanted]
        self.turns = [clip for clip in self.turns if half_of(clip.group) == wanted]
        self.vad = [clip for clip in self.vad if half_of(clip.group) == wanted]

    def limit(self, most: int) -> None:
        """Keep at most so many clips of each kind, spread over the manifest."""
        kinds = list(dict.fromkeys(clip.kind for clip in self.overlap))
        self.overlap = [clip for kind in kinds for clip in _spread([c for c in self.overlap if c.kind == kind], most)]
        self.turns = _spread(self.turns, most)
        self.vad = _spread(self.vad, most)


def half_of(group: str) -> str:
    """Return the half, `a` or `b`, that a speaker or source belongs to, in every data set and for ever."""
    return "ab"[hashlib.sha256(group.encode()).digest()[0] & 1]


def _spread(clips: list[C], most: int) -> list[C]:
    return clips[:: -(-len(clips) // most) or 1]


def read_folder(root: Path) -> Folder:
    """Read a folder's manifests. Raises DataError if it is none, or nothing in it can be used."""
    if not root.is_dir():
        raise DataError(f"{root} is no folder. DATA wants one that holds manifests/overlap.csv, turns.csv or vad.csv.")
    folder = Folder(root)
    folder.overlap = _read(folder, "overlap", ("path", "kind", "expect", "onset_s", "end_s"), _overlap)
    folder.turns = _read(folder, "turns", ("path", "end_s", "holds"), _turn)
    folder.vad = _read(folder, "vad", ("path", "segments"), _vad)
    folder.noise = _read(folder, "noise", ("path", "kind"), _noise)
    if not (folder.overlap or folder.turns or folder.vad):
        why = folder.missing + folder.problems
        raise DataError("\n".join([f"{root} holds nothing that can be scored:", *(f"  {line}" for line in why[:10])]))
    return folder


def _read(folder: Folder, name: str, columns: tuple[str, ...], clip: Callable[[Row, str, float], C]) -> list[C]:
    """Read one manifest. `clip` makes a clip of a row, its group and the seconds of its file, or raises RowError."""
    path = folder.root / "manifests" / f"{name}.csv"
    shown = f"manifests/{name}.csv"
    if not path.is_file():
        folder.missing.append(f"{shown} is not there")
        return []
    found: list[C] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            absent = [column for column in columns if column not in (rows.fieldnames or ())]
            if absent:
                folder.missing.append(f"{shown} has no column {', '.join(absent)}")
                return []
            for row in rows:
                try:
                    found.append(_usable(folder.root, row, clip))
                except RowError as error:
                    folder.problems.append(f"{shown} line {rows.line_num}: {error}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        folder.missing.append(f"{shown} can't be read ({error})")
        return []
    return found


def _usable(root: Path, row: Row, clip: Callable[[Row, str, float], C]) -> C:
    given = row["path"] or ""
    path = PurePosixPath(given)
    if not given or path.is_absolute() or ".." in path.parts:
        raise RowError(f"path {given!r} must be a path inside the folder")
    try:
        seconds = check(root / path)
    except AudioError as error:
        raise RowError(f"{given}: {error}") from error
    source, speaker = row.get("source") or "", row.get("speaker") or ""
    return clip(row, f"{source}/{speaker}" if speaker else given, seconds)


def _overlap(row: Row, group: str, seconds: float) -> OverlapClip:
    if row["expect"] not in EXPECTED:
        raise RowError(f"expect is {row['expect']!r}; {', '.join(EXPECTED)} are known")
    if not row["kind"]:
        raise RowError("kind is empty")
    onset_s, end_s = _number(row, "onset_s", seconds), _number(row, "end_s", seconds)
    if end_s < onset_s:
        raise RowError(f"end_s {end_s:g} lies before onset_s {onset_s:g}")
    return OverlapClip(row["path"], group, row["kind"], row["expect"], onset_s, end_s)


def _turn(row: Row, group: str, seconds: float) -> TurnClip:
    end_s = _number(row, "end_s", seconds) if row["end_s"] else None
    return TurnClip(row["path"], group, end_s, _spans(row, "holds", end_s or seconds))


def _vad(row: Row, group: str, seconds: float) -> VadClip:
    return VadClip(row["path"], group, _spans(row, "segments", seconds))


def _noise(row: Row, group: str, seconds: float) -> NoiseClip:
    return NoiseClip(row["path"], group, row["kind"] or "noise")


def _number(row: Row, column: str, seconds: float) -> float:
    text = row[column] or ""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= seconds + _SLACK_S:
        raise RowError(f"{column} is {text!r}; seconds from 0 to the clip's end at {seconds:.3f} are wanted")
    return value


def _spans(row: Row, column: str, seconds: float) -> tuple[Span, ...]:
    spans = []
    for text in filter(None, (row[column] or "").split(";")):
        begin, _, end = text.partition("-")
        span = _number({column: begin}, column, seconds), _number({column: end}, column, seconds)
        if span[1] <= span[0]:
            raise RowError(f"{column} holds {text!r}; start-end in seconds is wanted")
        spans.append(span)
    if any(after[0] < before[1] for before, after in pairwise(spans)):
        raise RowError(f"{column} must come in order and not overlap")
    return tuple(spans)
