"""What parley-device says to who calls it: wrong options, files that can't be said, commands that are none."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.esp32.door import door, takes_the_call
from tests.esp32.process import DeviceProcess, run, write_wav

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--server", "127.0.0.1:7700"], "127.0.0.1:7700 is not an address: write ws://HOST:PORT or wss://HOST."),
        (["--server", "ws://a:0"], "is not an address"),
        (["--server", "ws://a,ws://b,ws://c,ws://d,ws://e"], "up to four addresses are taken"),
        (["--encoding", "mp3"], "choose pcm16 or mulaw"),
        (["--echo", "none"], "choose device, server or headphones"),
        (["--devices", "0"], "1 to 2000 devices"),
        (["--latency-ms", "x"], "0 to 1000 ms"),
        (["--nonsense"], "--nonsense is no option"),
        (["stray.wav"], "files are named each after its own --say"),
        (["--say", "/no/such/file.wav"], "Cannot read /no/such/file.wav: No such file or directory."),
        (["--token", "two words"], "a token is one word"),
        (["--token", "@/no/such/file"], "there is nothing to be read there"),
        (["--record", "/no/such/folder/out.wav"], "Cannot write /no/such/folder/out.wav"),
        (["--output-hz", "12345"], "Such a device is not possible"),
    ],
)
async def test_wrong_options(options: list[str], words: str) -> None:
    """One line says what is wrong, and the exit code is 1."""
    code, complaint, lines = await run(*options)
    assert (code, lines) == (1, [])
    assert words in complaint
    assert len(complaint.splitlines()) == 1


async def test_a_file_that_cannot_be_said(tmp_path: Path) -> None:
    """What a file must be is told before anybody is called."""
    write_wav(tmp_path / "fast.wav", bytes(320), 44_100)
    (tmp_path / "text.wav").write_bytes(b"no sound in here")
    for name, words in (("fast.wav", "another rate than the microphone"), ("text.wav", "it is no WAV")):
        code, complaint, _ = await run("--say", str(tmp_path / name))
        assert code == 1
        assert words in complaint
        assert "PCM16, one channel, 16000 Hz" in complaint


def _most_kb(pid: int) -> int:
    """Return the most memory that a process has had so far."""
    (most,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(most)


async def test_a_long_file_is_read_as_it_is_said(tmp_path: Path) -> None:
    """A file of 400 MB can be said, and takes no memory to speak of."""
    path = tmp_path / "long.raw"
    with path.open("wb") as file:
        file.truncate(400 << 20)

    async with door(takes_the_call) as url, DeviceProcess(url) as device:
        await device.sees("opened")
        device.tell(f"say {path}")
        device.tell("status")
        await device.sees("status")
        assert device.of("fault") == []
        assert _most_kb(device.pid) < 64 << 10


async def test_help_teaches() -> None:
    """--help lists options, commands and exit codes."""
    code, _, lines = await run("--help")
    assert code == 0
    assert any("--retention-ms" in line for line in lines)
    assert any("exit codes" in line for line in lines)


async def test_nobody_answers() -> None:
    """Where nobody takes the call, that is told, and the exit code is 2."""
    code, _, lines = await run("--server", "ws://127.0.0.1:9", "--seconds", "1")
    assert code == 2
    assert any("connection refused" in line for line in lines)
    assert json.loads(lines[-1])["opened"] == 0


async def test_commands_and_their_faults() -> None:
    """A command that is none, or can't be done, is told in a sentence; the program goes on, and ends when told to."""
    long = "type " + "x" * 2000
    stdin = f"dance\n{long}\ntype {'x' * 256}\n7 hush\nsay /no/such.wav\n\n2 status\nmute\nopen\nquit\n".encode()
    async with door(takes_the_call) as url:
        code, _, lines = await run("--server", url, "--devices", "2", "--stagger-ms", "0", stdin=stdin)
    told = [json.loads(line) for line in lines]
    faults = [got["words"] for got in told if got["event"] == "fault"]
    assert "dance is no command. --help lists them." in faults
    assert "A command has up to 1023 characters." in faults
    assert "That can't be typed now: up to 255 bytes, two that wait at most, in a conversation." in faults
    assert "There is no device 7, only 2." in faults
    assert any(words.startswith("Cannot read /no/such.wav") for words in faults)
    assert [got["device"] for got in told if got["event"] == "status"] == [2]
    assert told[-1]["event"] == "summary"
    assert code in (0, 2), "it may have been told to quit before it was opened"
