"""A conversation with the ring as containers: over TLS, with a token, with an interruption; and who is not let in."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.containers.conftest import Ring
from tests.containers.engine import ROOT
from tests.fakes import speech

pytestmark = pytest.mark.timeout(7200)

RATE_HZ = 16_000
ANSWER_S = 12.0
"""The story has begun by then, and is far from over, on a machine that is busy, too."""


def _write(path: Path, pcm: bytes) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(pcm)
    return path


def _talk(ring: Ring, *arguments: str, server: str, token: str = "") -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    env = {**kept, "PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}"}
    if token:
        env["PARLEY_TOKEN"] = token
    command = [sys.executable, "-m", "clients.desktop", "--server", server, "--wait-s", "60", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, text=True, capture_output=True, timeout=400, check=False)


@pytest.mark.parametrize("door", ["grpc", "websocket"])
def test_conversation_with_an_interruption(ring: Ring, folder: Path, door: str) -> None:
    """A question is answered; a long story is cut off by "stop" and falls silent; the next question is answered."""
    quiet = speech.silence
    question = _write(folder / "time.wav", quiet(300) + speech.say("What time is it?") + quiet(500))
    story = speech.say("Tell me a story.")
    stop = speech.say("Stop!", rate_wpm=175)
    told = quiet(300) + story + quiet(int(ANSWER_S * 1000)) + stop + quiet(4_000)
    interrupted = _write(folder / "story.wav", told)
    server = f"grpcs://localhost:{ring.port}" if door == "grpc" else f"wss://localhost:{ring.websocket_port}"
    out, words = folder / "out.wav", folder / "out.txt"
    files = [str(question), str(interrupted), str(question)]
    options = ["--ca", str(ring.locks.ca), "--say", *files, "--record", str(out), "--transcript", str(words)]
    done = _talk(ring, *options, server=server, token=ring.locks.token())
    said = words.read_text() if words.exists() else ""
    assert done.returncode == 0, done.stderr + said
    lines = said.splitlines()
    assert any(line.startswith("Parley:") and line.endswith("(cut off)") for line in lines), said
    assert sum(line.startswith("Parley:") for line in lines) >= 3, said
    _assert_silence_after_stop(out)


def _assert_silence_after_stop(out: Path) -> None:
    """The reply that sounded when "stop" was said is over soon after; on the record, the person left, Parley right."""
    with wave.open(str(out)) as file:
        rate_hz = file.getframerate()
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2).astype(np.float64)
    window = rate_hz // 10
    count = len(sound) // window
    level = np.abs(sound[: count * window]).reshape(count, window, 2).max(axis=1)
    person, parley = level[:, 0] > 500, level[:, 1] > 200
    over = np.flatnonzero(person & parley)
    assert over.size, "nobody spoke over a reply"
    until = int(over[-1]) + 20
    assert not parley[until : until + 10].any(), "Parley spoke on for more than two seconds after it was told to stop"


@pytest.mark.parametrize("token", ["", "a.forged.one"], ids=["no token", "a forged one"])
def test_nobody_comes_in_without_a_token(ring: Ring, folder: Path, token: str) -> None:
    """Without a good token there is no conversation, and the client says so."""
    words = _write(folder / "hello.wav", speech.say("Hello.") + speech.silence(500))
    server = f"grpcs://localhost:{ring.port}"
    done = _talk(ring, "--ca", str(ring.locks.ca), "--say", str(words), server=server, token=token)
    assert done.returncode == 2, done.stderr
    assert "token" in done.stderr


def test_nobody_comes_in_without_tls(ring: Ring, folder: Path) -> None:
    """A client that speaks plainly, or trusts somebody else, gets nowhere."""
    words = _write(folder / "hello.wav", speech.say("Hello.") + speech.silence(500))
    token = ring.locks.token()
    assert _talk(ring, "--say", str(words), server=f"localhost:{ring.port}", token=token).returncode == 2
    assert _talk(ring, "--say", str(words), server=f"grpcs://localhost:{ring.port}", token=token).returncode == 2
