"""Folder: what can be used is, what can't is told by file and line, and halves never share a speaker."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.eval.folder import DataError, half_of, read_folder
from tests.unit.eval.scripted import manifest, save, tones

OVERLAP = "path,kind,expect,onset_s,end_s,speaker,source"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with one clip of a second."""
    save(tmp_path, "a.wav", tones((1.0, 0.2)))
    return tmp_path


def test_a_good_folder_is_read_whole(root: Path) -> None:
    """Numbers, lists and groups come out as they were written; a byte-order mark does no harm."""
    manifest(root, "overlap", "\ufeff" + OVERLAP, "audio/a.wav,stop,yield,0.1,0.6,ann,home")
    manifest(root, "turns", "path,end_s,holds,speaker,source", "audio/a.wav,,0.2-0.4;0.5-0.7,ann,home")
    manifest(root, "vad", "path,segments,source", "audio/a.wav,0.0-0.5,home")
    manifest(root, "noise", "path,kind", "audio/a.wav,rir")
    folder = read_folder(root)
    assert (folder.missing, folder.problems) == ([], [])
    (clip,) = folder.overlap
    assert (clip.kind, clip.expect, clip.onset_s, clip.end_s, clip.group) == ("stop", "yield", 0.1, 0.6, "home/ann")
    assert (folder.turns[0].end_s, folder.turns[0].holds) == (None, ((0.2, 0.4), (0.5, 0.7)))
    assert folder.vad[0].group == "audio/a.wav"  # without a speaker each recording is its own
    assert folder.noise[0].kind == "rir"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("audio/b.wav,stop,yield,0.1,0.6,ann,home", "audio/b.wav: there is no such file"),
        ("audio/a.wav,stop,perhaps,0.1,0.6,ann,home", "expect is 'perhaps'; yield, ignore, either are known"),
        ("audio/a.wav,stop,yield,soon,0.6,ann,home", "onset_s is 'soon'"),
        ("audio/a.wav,stop,yield,nan,0.6,ann,home", "onset_s is 'nan'"),
        ("audio/a.wav,stop,yield,0.1,9.9,ann,home", "end_s is '9.9'; seconds from 0 to the clip's end at 1.000"),
        ("audio/a.wav,stop,yield,0.6,0.1,ann,home", "end_s 0.1 lies before onset_s 0.6"),
        ("audio/a.wav,,yield,0.1,0.6,ann,home", "kind is empty"),
        ("/etc/passwd,stop,yield,0.1,0.6,ann,home", "must be a path inside the folder"),
        ("../a.wav,stop,yield,0.1,0.6,ann,home", "must be a path inside the folder"),
        ("audio/a.wav,stop", "expect is None"),
    ],
)
def test_a_bad_row_is_left_out_and_told_by_file_and_line(root: Path, row: str, why: str) -> None:
    """The good rows around it are used."""
    good = "audio/a.wav,stop,yield,0.1,0.6,ann,home"
    manifest(root, "overlap", OVERLAP, good, row, good)
    folder = read_folder(root)
    assert len(folder.overlap) == 2
    (problem,) = folder.problems
    assert problem.startswith("manifests/overlap.csv line 3: ")
    assert why in problem


@pytest.mark.parametrize("holds", ["0.4-0.2", "0.2", "a-b", "0.1-0.5;0.4-0.6"])
def test_spans_that_make_no_sense_are_told(root: Path, holds: str) -> None:
    """They must have a start before an end, and come in order."""
    manifest(root, "turns", "path,end_s,holds", f"audio/a.wav,0.9,{holds}", "audio/a.wav,0.9,")
    folder = read_folder(root)
    assert len(folder.turns) == len(folder.problems) == 1
    assert "line 2: holds" in folder.problems[0]


def test_a_missing_manifest_or_column_is_skipped_and_said(root: Path) -> None:
    """What is there is used."""
    manifest(root, "overlap", "path,kind", "audio/a.wav,stop")
    manifest(root, "vad", "path,segments", "audio/a.wav,0.0-0.5")
    folder = read_folder(root)
    assert folder.missing == [
        "manifests/overlap.csv has no column expect, onset_s, end_s",
        "manifests/turns.csv is not there",
        "manifests/noise.csv is not there",
    ]


def test_a_folder_with_nothing_to_score_is_refused_in_words(root: Path, tmp_path: Path) -> None:
    """It says what was looked for, and why nothing of it can be used."""
    manifest(root, "overlap", OVERLAP, "audio/b.wav,stop,yield,0.1,0.6,ann,home")
    with pytest.raises(DataError, match=r"(?s)holds nothing.*turns\.csv is not there.*line 2: audio/b\.wav"):
        read_folder(root)
    with pytest.raises(DataError, match="is no folder"):
        read_folder(tmp_path / "nowhere")


def test_a_manifest_that_is_no_text_is_skipped_and_said(root: Path) -> None:
    """Bytes that are no UTF-8 are no traceback."""
    manifest(root, "vad", "path,segments", "audio/a.wav,0.0-0.5")
    (root / "manifests" / "turns.csv").write_bytes(b"path,end_s,holds\n\xff\xfe\x00,1,\n")
    assert any("turns.csv can't be read" in line for line in read_folder(root).missing)


def test_a_limit_spreads_over_the_manifest(root: Path) -> None:
    """At most so many of each kind, not the first ones."""
    rows = [f"audio/a.wav,{kind},yield,0.{n},0.9,ann,home" for kind in ("stop", "hey") for n in range(8)]
    manifest(root, "overlap", OVERLAP, *rows)
    folder = read_folder(root)
    folder.limit(4)
    assert [(clip.kind, clip.onset_s) for clip in folder.overlap if clip.kind == "hey"] == [
        ("hey", 0.0), ("hey", 0.2), ("hey", 0.4), ("hey", 0.6)
    ]  # fmt: skip
    assert len(folder.overlap) == 8


@given(st.lists(st.text("abcdef", min_size=1, max_size=4), min_size=1, max_size=30))
def test_a_speaker_is_in_one_half_only(groups: list[str]) -> None:
    """Whatever else a folder holds: the half follows from the name alone."""
    assert {group: half_of(group) for group in groups} == {group: half_of(group) for group in reversed(groups)}
    assert {half_of(group) for group in groups} <= {"a", "b"}


def test_both_halves_make_the_whole(root: Path) -> None:
    """No clip is in both, none in neither."""
    rows = [f"audio/a.wav,stop,yield,0.1,0.9,speaker-{n},home" for n in range(12)]
    manifest(root, "overlap", OVERLAP, *rows)
    halves = []
    for wanted in "ab":
        folder = read_folder(root)
        folder.half(wanted)
        halves.append({clip.group for clip in folder.overlap})
    assert all(halves)
    assert not halves[0] & halves[1]
    assert len(halves[0] | halves[1]) == 12
