"""`make trace`: spans are read back, and drawn as bars that fit the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local.span_lines import Trace, files, read
from local.trace import main
from local.waterfall import Style, draw

SESSION = "s-1"


def line(name: str, start_s: float, end_s: float, trace: str = "t1", **attributes: Any) -> str:
    """Return a span as services write it."""
    known = {"gen_ai.conversation.id": SESSION, **{f"parley.{key}": value for key, value in attributes.items()}}
    times = {"start_ns": int(start_s * 1e9), "end_ns": int(end_s * 1e9)}
    return json.dumps({"name": name, "trace_id": trace, "service": "parley-x", "attributes": known, **times})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run with two turns; the first was interrupted."""
    traces = tmp_path / "traces"
    traces.mkdir()
    first = [
        line("vad.endpoint", 100.0, 100.4, turn=1, waited_ms=400.0),
        line("client.first_sample", 100.4, 100.8, turn=1),
        line("client.playout", 100.8, 103.0, turn=1),
        line("interrupt.detect", 102.5, 102.9, seq=1),
        line("interrupt.fanout", 102.9, 102.901, stage="egress"),
    ]
    (traces / "vad.jsonl.old").write_text("\n".join([*first, '{"half": ']))
    second = [line("turn", 200, 202, "t2", turn=2), line("client.first_sample", 200.1, 200.2, "t2", turn=2)]
    (traces / "broker.jsonl").write_text("\n".join([line("turn", 100, 103, turn=1), *second]))
    return tmp_path


def traces_of(folder: Path) -> list[Trace]:
    """Return what is in it."""
    return read(files(folder))


def test_what_several_services_wrote_becomes_one_trace(folder: Path) -> None:
    """In the order of time, whatever file it stands in; half a line is passed over."""
    first, second = traces_of(folder)
    assert (first.turn, first.session, round(first.answered_ms or 0)) == (1, SESSION, 800)
    assert [span.name for span in first.spans][:2] == ["vad.endpoint", "client.first_sample"]
    assert (second.turn, round(second.answered_ms or 0)) == (2, 200)


@pytest.mark.parametrize("is_plain", [False, True])
@pytest.mark.parametrize("width", [20, 60, 200])
def test_bars_fit_and_stand_in_their_place(folder: Path, width: int, is_plain: bool) -> None:
    """A stage that took half of the time has half of the columns, and what lasts longer goes out of the picture."""
    lines = list(draw(traces_of(folder)[0], Style(width=width, is_plain=is_plain)))[1:]
    bars = {line.split()[0]: line for line in lines}
    columns = max(width - 38, 10)
    assert all(len(line) <= max(width, 48) for line in lines)
    full = "#" if is_plain else "█"
    assert abs(bars["vad.endpoint"].count(full) - columns / 2.08) <= 1.5
    assert bars["client.playout"].rstrip().split()[-3].endswith(">" if is_plain else "▸")
    assert "400 ms" in bars["vad.endpoint"]
    assert any("interrupt.fanout egress" in line for line in lines)


def test_colours_are_only_there_if_they_are_wanted(folder: Path) -> None:
    """A file that is written to holds none."""
    (trace, _) = traces_of(folder)
    assert "\x1b[" not in "".join(draw(trace, Style()))
    assert "\x1b[33m" in "".join(draw(trace, Style(has_colour=True)))


def test_what_a_stage_knows(folder: Path) -> None:
    """With --why each attribute stands below its bar."""
    told = list(draw(traces_of(folder)[0], Style(tells_attributes=True)))
    assert "      waited_ms = 400" in told


def test_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The newest turns, the slowest first if asked for; where there are none it says how to get some."""
    assert main(["--folder", str(folder), "--slowest", "--plain", "--width", "80"]) == 0
    shown = capsys.readouterr().out
    assert shown.index("turn 1:") < shown.index("turn 2:")
    assert main(["--folder", str(folder), "-n", "1"]) == 0
    assert "turn 1:" not in capsys.readouterr().out
    assert main(["--folder", str(folder), "--session", "other"]) == 1
    assert "make run" in capsys.readouterr().err


def test_a_page_for_the_browser(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One file with every bar, which loads nothing; one that can't be written is told in words."""
    made = tmp_path / "turns.html"
    assert main(["--folder", str(folder), "--page", str(made)]) == 0
    text = made.read_text()
    assert text.count("class=bar") == 6
    assert "<script" not in text
    assert "http" not in text
    assert main(["--folder", str(folder), "--page", str(tmp_path)]) == 1
    assert "can't be written" in capsys.readouterr().err
