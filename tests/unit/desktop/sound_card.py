"""A PyAudio without a sound card: the documented calls that the client uses, the callbacks left to the test."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest


class FakeStream:
    """A stream whose callback the test calls."""

    def __init__(self, callback: Callable[..., Any], rate: int) -> None:
        self.callback, self.rate = callback, rate
        self.running = self.closed = False

    def get_input_latency(self) -> float:
        """Return seconds."""
        return 0.01

    def get_output_latency(self) -> float:
        """Return seconds."""
        return 0.05

    def start_stream(self) -> None:
        """Begin."""
        self.running = True

    def stop_stream(self) -> None:
        """Pause."""
        self.running = False

    def close(self) -> None:
        """Let go."""
        self.closed = True


class FakePyAudio:
    """The part of pyaudio.PyAudio that the client uses."""

    instances: list[FakePyAudio] = []  # noqa: RUF012
    missing: str | None = None

    def __init__(self) -> None:
        self.streams: dict[int, FakeStream] = {}
        self.terminated = False
        FakePyAudio.instances.append(self)

    def open(self, *, rate: int, stream_callback: Callable[..., Any], start: bool, **options: object) -> FakeStream:
        """Open a stream, or fail as PortAudio does."""
        if FakePyAudio.missing and options.get(FakePyAudio.missing):
            raise OSError(-9996, "Invalid device")
        assert options["channels"] == 1
        assert options["format"] == 8
        assert not start
        self.streams[rate] = FakeStream(stream_callback, rate)
        return self.streams[rate]

    def terminate(self) -> None:
        """Let go of PortAudio."""
        self.terminated = True

    def speak(self, pcm: bytes) -> None:
        """Call back with what the microphone heard."""
        assert self.streams[16_000].callback(pcm, len(pcm) // 2, {}, 0) == (None, 0)

    def ask(self, frames: int) -> bytes:
        """Call back for what the speaker shall play."""
        pcm, verdict = self.streams[24_000].callback(None, frames, {}, 0)
        assert verdict == 0
        assert isinstance(pcm, bytes)
        return pcm


def plug_in(monkeypatch: pytest.MonkeyPatch) -> type[FakePyAudio]:
    """Put the fake where PyAudio would be."""
    module = ModuleType("pyaudio")
    module.paInt16, module.paContinue, module.PyAudio = 8, 0, FakePyAudio  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyaudio", module)
    FakePyAudio.instances, FakePyAudio.missing = [], None
    return FakePyAudio
