"""WAV files of many kinds become what the microphone would have heard, the rest a clear refusal."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from clients.desktop.failures import UsageError
from clients.desktop.wav import read_speech


def write(path: Path, rate: int, channels: int, width: int, seconds: float = 0.5) -> Path:
    """Write a 440 Hz tone at half of full scale, in every channel."""
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)
    whole = np.repeat(np.rint(tone * 2**31).astype("<i4"), channels)
    data = whole.view(np.uint8).reshape(-1, 4)[:, 4 - width :].tobytes()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)
    return path


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize(("channels", "width"), [(1, 2), (2, 2), (1, 3), (2, 4)])
def test_every_rate_and_width_is_heard_alike(tmp_path: Path, rate: int, channels: int, width: int) -> None:
    """The same tone in any PCM form is the same tone at 16 kHz mono."""
    heard = np.frombuffer(read_speech(write(tmp_path / "tone.wav", rate, channels, width)), "<i2")
    assert len(heard) == pytest.approx(8000, abs=2)
    middle = heard[2000:6000].astype(float)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(16_384 / np.sqrt(2), rel=0.01)
    assert np.argmax(np.abs(np.fft.rfft(middle))) == 440 * 4000 // 16_000


def test_extensible_pcm_is_plain_pcm(tmp_path: Path) -> None:
    """24-bit files are mostly written as WAVE_FORMAT_EXTENSIBLE; they are read like any other."""
    plain = write(tmp_path / "plain.wav", 48_000, 1, 3).read_bytes()
    guid = struct.pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
    fmt = struct.pack("<HHIIHH", 0xFFFE, 1, 48_000, 144_000, 3, 24) + struct.pack("<HHI", 22, 24, 4) + guid
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(fmt)) + fmt + plain[36:]
    path = tmp_path / "extensible.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert read_speech(path) == read_speech(tmp_path / "plain.wav")


def test_other_files_are_refused_with_what_is_accepted(tmp_path: Path) -> None:
    """Floats, eight bits, six channels, text, nothing: each refusal is one line that helps."""
    floats = bytearray(write(tmp_path / "float.wav", 16_000, 1, 4).read_bytes())
    floats[20:22] = b"\x03\x00"
    (tmp_path / "float.wav").write_bytes(floats)
    write(tmp_path / "eight.wav", 16_000, 1, 1)
    write(tmp_path / "six.wav", 16_000, 6, 2)
    (tmp_path / "text.wav").write_text("hello")
    (tmp_path / "empty.wav").write_bytes(b"")
    for name in ("float.wav", "eight.wav", "six.wav", "text.wav", "empty.wav"):
        with pytest.raises(UsageError, match=r"Accepted are PCM WAV files of 16, 24 or 32 bits") as refusal:
            read_speech(tmp_path / name)
        assert "\n" not in str(refusal.value)


def test_missing_unreadable_and_silent_files_are_told_apart(tmp_path: Path) -> None:
    """A wrong path, a folder and a file without a sample have their own lines."""
    with pytest.raises(UsageError, match="There is no file"):
        read_speech(tmp_path / "nothing.wav")
    with pytest.raises(UsageError, match="Cannot read"):
        read_speech(tmp_path)
    with pytest.raises(UsageError, match="holds no sound"):
        read_speech(write(tmp_path / "silent.wav", 16_000, 1, 2, seconds=0))
