"""One engine serves all official clients; each client runs once, and its tests look at what it told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soxr

from tests.conformance.client_run import Client, ClientRun, run_client
from tests.conformance.engine_process import running_engine
from tests.fakes import speech as person

SPEECH = {"question": "what is two plus three", "long": "could you please count from twenty to forty two"}
_PERSON_HZ, _API_HZ = person.RATE_HZ, 24_000

Run = Callable[[Client], ClientRun]


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what the clients say: PCM16LE mono at 24 kHz."""
    folder = tmp_path_factory.mktemp("speech")
    for name, text in SPEECH.items():
        spoken = np.frombuffer(person.say(text), dtype="<i2")
        resampled = soxr.resample(spoken, _PERSON_HZ, _API_HZ, quality="HQ")
        (folder / f"{name}.pcm").write_bytes(resampled.astype("<i2").tobytes())
    return folder


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running engine."""
    with running_engine(tmp_path_factory.mktemp("engine") / "engine.log") as url:
        yield url


@pytest.fixture(scope="session")
def run(engine: str, speech: Path) -> Run:
    """Run a client against the engine, once; the test is skipped where the client cannot be had."""

    @cache
    def once(client: Client) -> ClientRun:
        return run_client(client, engine, speech)

    def run_or_skip(client: Client) -> ClientRun:
        if client.missing:
            pytest.skip(client.missing)
        return once(client)

    return run_or_skip
