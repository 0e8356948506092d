"""Logs: what stands in a line, in both forms, and that nobody waits for it to be read."""

from __future__ import annotations

import json
import logging
import os
import re
import select
import time
from collections.abc import Iterator
from typing import Any

import pytest

from services.common import logs, moments
from services.common.errors import SettingsFault
from services.common.log_settings import JSON, LogSettings
from services.common.logs import JsonForm, LineLog, TextForm, fields
from services.common.settings import Environment


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """A logger whose lines go nowhere else."""
    made = logging.getLogger("parley.test.logs")
    made.propagate, level = False, made.level
    made.setLevel(logging.INFO)
    yield made
    made.setLevel(level)
    made.handlers.clear()


def read(fd: int) -> str:
    """Return what a pipe has."""
    said = b""
    while select.select([fd], [], [], 0)[0] and (more := os.read(fd, 1 << 16)):
        said += more
    return said.decode()


def written(log: logging.Logger, form: logging.Formatter, *args: Any, **more: Any) -> str:
    """Return how one call is written."""
    inlet, outlet = os.pipe()
    handler = LineLog(outlet)
    handler.setFormatter(form)
    log.addHandler(handler)
    try:
        log.info(*args, **more)
    finally:
        log.removeHandler(handler)
        handler.close()
    said = read(inlet)
    os.close(inlet)
    os.close(outlet)
    return said


def test_a_line_for_people_is_time_level_logger_and_words(log: logging.Logger) -> None:
    """And nothing of what is for machines."""
    said = written(log, TextForm(), "session %s: hello", "s-1", extra=fields(turn=3))
    assert said.split(" ", 1)[1] == "I parley.test.logs session s-1: hello\n"


def test_a_line_for_machines_says_which_session_it_is_of(log: logging.Logger) -> None:
    """Its words begin with it; what is empty, or 0, is left out."""
    line = json.loads(
        written(log, JsonForm(), "session %s: %s", "s-1", "é\n", extra=fields(turn=3, reply=0, trace_id=""))
    )
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "parley.test.logs",
        "message": "session s-1: é\n",
        "session": "s-1",
        "turn": 3,
    }


def test_a_fault_stands_in_the_line_that_tells_of_it(log: logging.Logger) -> None:
    """One line, whatever the traceback has."""
    try:
        raise ValueError("no")
    except ValueError:
        said = written(log, JsonForm(), "a fault of ours", exc_info=True)
    assert said.count("\n") == 1
    assert "ValueError: no" in json.loads(said)["error"]


def test_a_moment_is_the_same_words_in_both_forms(log: logging.Logger) -> None:
    """Somebody searches for them."""
    inlet, outlet = os.pipe()
    for form in (TextForm(), JsonForm()):
        handler = LineLog(outlet)
        handler.setFormatter(form)
        log.addHandler(handler)
        moments.note(log, moments.INTERRUPTED, "s-1", "by a word", turn=2, seq=7, trace_id="ab", cause="word")
        log.removeHandler(handler)
        handler.close()
    text, line = read(inlet).splitlines()
    os.close(inlet)
    os.close(outlet)
    words = "session s-1: interrupted, turn 2, seq 7: by a word"
    assert text.endswith(words)
    told = json.loads(line)
    assert (told["message"], told["event"], told["session"]) == (words, "interrupted", "s-1")
    assert (told["turn"], told["seq"], told["trace_id"], told["cause"]) == (2, 7, "ab", "word")


def told(said: str) -> int:
    """Return how many lines are said to be missing."""
    return sum(map(int, re.findall(r"(\d+) lines of the log were dropped", said)))


def test_nobody_waits_for_a_log_that_nobody_reads(log: logging.Logger) -> None:
    """A full pipe: lines are dropped and counted, and it says so as soon as somebody reads."""
    inlet, outlet = os.pipe()
    handler = LineLog(outlet, waiting=4)
    handler.setFormatter(TextForm())
    log.addHandler(handler)
    before = logs.dropped()
    for _ in range(100):
        log.info("x" * 4096)
    lost = logs.dropped() - before
    assert 0 < lost < 100
    log.removeHandler(handler)
    said, patience_s = "", time.monotonic() + 20
    while told(said) < lost and time.monotonic() < patience_s:
        said += read(inlet)
    handler.close()
    assert told(said) == lost
    os.close(inlet)
    os.close(outlet)


def test_a_log_that_can_not_be_written_is_counted(log: logging.Logger) -> None:
    """Whoever read it has gone."""
    inlet, outlet = os.pipe()
    os.close(inlet)
    handler = LineLog(outlet)
    handler.setFormatter(TextForm())
    log.addHandler(handler)
    before = logs.dropped()
    log.info("hello")
    log.removeHandler(handler)
    handler.close()
    os.close(outlet)
    assert logs.dropped() == before + 1


def test_settings_are_read_and_a_wrong_one_is_told() -> None:
    """With the variable, and what would be right."""
    read_ = LogSettings.read(
        Environment({"PARLEY_LOG": "JSON", "PARLEY_LOG_LEVEL": "warning", "PARLEY_LOG_WORDS": "on"})
    )
    assert read_ == LogSettings(JSON, logging.WARNING, words=True)
    assert LogSettings.read(Environment({})) == LogSettings()
    with pytest.raises(SettingsFault, match=r"PARLEY_LOG_LEVEL='loud' must be debug, info, warning or error"):
        LogSettings.read(Environment({"PARLEY_LOG_LEVEL": "loud"}))


def test_words_may_stand_in_it_only_while_somebody_wants_them() -> None:
    """Off by default, and off again."""
    assert not logs.may_tell_words()
    with logs.written(LogSettings(level=logging.CRITICAL, words=True)):
        assert logs.may_tell_words()
    assert not logs.may_tell_words()
