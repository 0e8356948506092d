"""One engine serves all official clients; each client runs once, and its tests look at what it told."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soxr

from services.ingress.g711 import MULAW
from tests.conformance.client_run import SPEECH, Client, ClientRun, Run, run_client
from tests.conformance.engine_process import running_engine
from tests.fakes import speech as person

_API_HZ, _TELEPHONE_HZ = 24_000, 8_000


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what the clients say: `.pcm` is PCM16LE mono at 24 kHz, `.ulaw` mu-law at 8 kHz."""
    folder = tmp_path_factory.mktemp("speech")
    for name, text in SPEECH.items():
        spoken = person.say(text)
        (folder / f"{name}.pcm").write_bytes(_resampled(spoken, _API_HZ))
        (folder / f"{name}.ulaw").write_bytes(MULAW.encode(_resampled(spoken, _TELEPHONE_HZ)))
    return folder


def _resampled(pcm: bytes, to_hz: int) -> bytes:
    samples = soxr.resample(np.frombuffer(pcm, dtype="<i2"), person.RATE_HZ, to_hz, quality="HQ")
    return bytes(samples.astype("<i2").tobytes())


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
