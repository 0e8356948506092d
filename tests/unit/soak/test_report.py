"""The report: what stands in the table, in the document and beside it, and the command line that asks for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.soak import report
from tests.soak.__main__ import parse
from tests.soak.soak import Plan, Record
from tests.soak.verdict import goals, rows
from tests.unit.soak.test_verdict import BEGAN_S, SEATS, looks, visits


def record(**growth: float) -> Record:
    """Return the record of an hour."""
    seen = looks(**growth)
    for each in seen:
        each.found["redis"] |= {"keys_over": 3.0, "used_mb": 1.5}
    return Record(Plan(minutes=60), BEGAN_S, seen, visits(broken=2))


def test_the_document_can_be_written_and_says_what_was_used(tmp_path: Path) -> None:
    """JSON with a figure for each row; the picture is beside it."""
    held = record(rss_mb=30)
    found = rows(held.looks, held.visits, BEGAN_S)
    reached = goals(found, held.looks, held.visits, [], SEATS)
    written = report.document(held, found, reached)
    beside = report.write(tmp_path / "soak.json", json.dumps(written), report.picture(held))
    assert json.loads((tmp_path / "soak.json").read_text()) == json.loads(json.dumps(written))
    assert beside.read_bytes().startswith(b"\x89PNG")
    assert written["met"] is False
    assert "tests/soak/model.py" in written["used"]
    (memory,) = [each for each in written["figures"] if each["grows"]]
    assert (memory["process"], memory["figure"], memory["slope_per_hour"]) == ("ingress", "rss_mb", 30.0)
    assert written["conversations"]["held"] == 60
    assert written["conversations"]["done"]["hangs up"] == 60


def test_the_table_names_what_grows() -> None:
    """And which goals are missed."""
    held = record(tasks=100)
    found = rows(held.looks, held.visits, BEGAN_S)
    told = report.table(found, goals(found, held.looks, held.visits, [], SEATS))
    (line,) = [line for line in told.splitlines() if "GROWS" in line]
    assert line.startswith("ingress  tasks")
    assert "MISSED  nothing grows: ingress tasks" in told
    assert "met     nothing is left behind: nothing" in told


def test_a_picture_can_be_drawn_of_nothing() -> None:
    """A soak that saw nothing still says so."""
    assert report.picture(Record(Plan())).startswith(b"\x89PNG")


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Twenty minutes and twenty conversations, unless said otherwise; nonsense is told."""
    out = tmp_path / "soak.json"
    usual = parse(["--out", str(out)])
    assert (usual.out, usual.plan) == (out, Plan(20.0, 20, 10.0, 1, None))
    assert usual.plan.look_s == 10
    short = parse(["--out", str(out), "--minutes", "2", "--conversations", "5"])
    assert (short.plan.minutes, short.plan.conversations, short.plan.look_s) == (2, 5, 4)
    for wrong in (["--minutes", "0"], ["--minutes", "x"], ["--conversations", "0"], ["--conversations", "many"], []):
        with pytest.raises(SystemExit):
            parse([*wrong, "--out", str(tmp_path / "no" / "where.json")] if not wrong else ["--out", str(out), *wrong])
    assert "there is no folder" in capsys.readouterr().err
