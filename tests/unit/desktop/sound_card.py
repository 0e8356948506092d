"""PyAudio and sounddevice without a sound card: the calls that the client uses, shaped as in 0.2.14 and 0.5.6.

The callbacks are left to the test. What is plugged in is one list for both, `Machine`, that a test may change; as with
the real ones it is looked at only when PortAudio begins.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

HOSTS = ("ALSA", "Windows WASAPI")


@dataclass
class Plugged:
    """One device of the machine."""

    name: str
    inputs: int = 0
    outputs: int = 0
    rate_hz: float = 48_000.0
    host: int = 0
    takes_hz: tuple[int, ...] = ()
    """Rates that it takes; none: all."""
    takes_channels: tuple[int, ...] = ()


@dataclass
class Machine:
    """What is plugged in, and what was opened."""

    devices: list[Plugged] = field(default_factory=lambda: [Plugged("Built-in", 2, 2)])
    default_input: int = 0
    default_output: int = 0
    seen: list[Plugged] = field(default_factory=list)
    streams: list[FakeStream] = field(default_factory=list)
    begun: int = 0
    ended: int = 0
    adc_s: float = 0.02
    dac_s: float = 0.05

    def begin(self) -> None:
        """Look for devices, as PortAudio does."""
        assert not any(stream.open for stream in self.streams), "PortAudio ends under open streams"
        self.begun += 1
        self.seen = list(self.devices)

    def default(self, kind: str) -> int:
        """Return the number of the default device; -1: none."""
        wanted = self.default_input if kind == "input" else self.default_output
        fits = 0 <= wanted < len(self.seen) and getattr(self.seen[wanted], f"{kind}s") > 0
        return wanted if fits else -1

    def open(self, kind: str, number: int | None, rate_hz: int, channels: int, callback: Any) -> FakeStream:
        """Open a stream, or raise OSError."""
        number = self.default(kind) if number is None else number
        device = self.seen[number] if 0 <= number < len(self.seen) else None
        if device is None or device not in self.devices or getattr(device, f"{kind}s") < channels:
            raise OSError(-9996, "Invalid device")
        if device.takes_hz and rate_hz not in device.takes_hz:
            raise OSError(-9997, "Invalid sample rate")
        if device.takes_channels and channels not in device.takes_channels:
            raise OSError(-9998, "Invalid number of channels")
        self.streams.append(FakeStream(self, kind, device, rate_hz, channels, callback))
        return self.streams[-1]

    @property
    def microphone(self) -> FakeStream:
        """The microphone opened last."""
        return [stream for stream in self.streams if stream.kind == "input"][-1]

    @property
    def speaker(self) -> FakeStream:
        """The speaker opened last."""
        return [stream for stream in self.streams if stream.kind == "output"][-1]

    def plug(self, name: str, inputs: int = 0, outputs: int = 0) -> None:
        """Put a device in. One that is there before anything was opened is seen at once."""
        self.devices.append(Plugged(name, inputs, outputs))
        if not self.streams:
            self.seen = list(self.devices)

    def unplug(self, name: str) -> None:
        """Pull a device out: its streams stop."""
        self.devices = [device for device in self.devices if device.name != name]
        for stream in self.streams:
            if stream.device.name == name:
                stream.running = False

    def times(self, kind: str) -> tuple[float, float, float]:
        """Return what a callback is told: the times of ADC, now and DAC; the one that is not its own is 0."""
        return (100.0 - self.adc_s, 100.0, 0.0) if kind == "input" else (0.0, 100.0, 100.0 + self.dac_s)


@dataclass
class FakeStream:
    """A stream whose callback the test calls."""

    machine: Machine
    kind: str
    device: Plugged
    rate_hz: int
    channels: int
    callback: Callable[..., Any]
    running: bool = False
    open: bool = True

    def speak(self, pcm: bytes) -> None:
        """Call back with what the microphone heard."""
        if self.running:
            self.callback(pcm, len(pcm) // 2 // self.channels, self.machine.times(self.kind))

    def ask(self, frames: int) -> bytes:
        """Call back for what the speaker shall play."""
        pcm = self.callback(None, frames, self.machine.times(self.kind))
        assert isinstance(pcm, bytes)
        assert len(pcm) == frames * 2 * self.channels
        return pcm


class _PyAudioStream:
    """pyaudio.PyAudio.Stream."""

    def __init__(self, stream: FakeStream) -> None:
        self._stream = stream

    def get_input_latency(self) -> float:
        return 0.01 if self._stream.kind == "input" else 0.0

    def get_output_latency(self) -> float:
        return 0.05 if self._stream.kind == "output" else 0.0

    def is_active(self) -> bool:
        if not self._stream.open:
            raise OSError(-9988, "Stream closed")
        return self._stream.running

    def start_stream(self) -> None:
        self._stream.running = True

    def stop_stream(self) -> None:
        if self._stream.device not in self._stream.machine.devices:
            raise OSError(-9986, "Internal PortAudio error")
        self._stream.running = False

    def close(self) -> None:
        self._stream.open = self._stream.running = False


class _PyAudio:
    """pyaudio.PyAudio."""

    machine: Machine

    def __init__(self) -> None:
        self.machine.begin()

    def get_device_count(self) -> int:
        return len(self.machine.seen)

    def get_device_info_by_index(self, device_index: int) -> dict[str, Any]:
        device = self.machine.seen[device_index]
        return {
            "index": device_index,
            "structVersion": 2,
            "name": device.name,
            "hostApi": device.host,
            "maxInputChannels": device.inputs,
            "maxOutputChannels": device.outputs,
            "defaultLowInputLatency": 0.01,
            "defaultLowOutputLatency": 0.01,
            "defaultHighInputLatency": 0.1,
            "defaultHighOutputLatency": 0.1,
            "defaultSampleRate": device.rate_hz,
        }

    def get_host_api_info_by_index(self, host_api_index: int) -> dict[str, Any]:
        return {"index": host_api_index, "structVersion": 1, "type": 8, "name": HOSTS[host_api_index]}

    def get_default_input_device_info(self) -> dict[str, Any]:
        return self._default("input")

    def get_default_output_device_info(self) -> dict[str, Any]:
        return self._default("output")

    def _default(self, kind: str) -> dict[str, Any]:
        if (number := self.machine.default(kind)) < 0:
            raise OSError(f"No Default {kind.title()} Device Available")
        return self.get_device_info_by_index(number)

    def open(
        self,
        rate: int,
        channels: int,
        format: int,
        input: bool = False,
        output: bool = False,
        input_device_index: int | None = None,
        output_device_index: int | None = None,
        frames_per_buffer: int = 0,
        start: bool = True,
        stream_callback: Callable[..., Any] | None = None,
    ) -> _PyAudioStream:
        assert format == 8
        assert not start
        assert input != output
        assert stream_callback is not None

        def call(pcm: bytes | None, frames: int, times: tuple[float, float, float]) -> bytes | None:
            told = dict(zip(("input_buffer_adc_time", "current_time", "output_buffer_dac_time"), times, strict=True))
            given, verdict = stream_callback(pcm, frames, told, 0)
            assert verdict == 0
            return given  # type: ignore[no-any-return]

        kind, number = ("input", input_device_index) if input else ("output", output_device_index)
        return _PyAudioStream(self.machine.open(kind, number, rate, channels, call))

    def terminate(self) -> None:
        self.machine.ended += 1
        for stream in self.machine.streams:
            stream.open = stream.running = False


class PortAudioError(Exception):
    """sounddevice.PortAudioError."""


def _raw_stream(machine: Machine, kind: str) -> Any:
    class RawStream:
        """sounddevice.RawInputStream or RawOutputStream."""

        latency = 0.01 if kind == "input" else 0.05

        def __init__(
            self,
            samplerate: float | None = None,
            blocksize: int | None = None,
            device: int | str | None = None,
            channels: int | None = None,
            dtype: str | None = None,
            latency: float | str | None = None,
            callback: Callable[..., None] | None = None,
        ) -> None:
            assert dtype == "int16"
            assert callback is not None
            assert isinstance(device, int)

            def call(pcm: bytes | None, frames: int, times: tuple[float, float, float]) -> bytes | None:
                told = SimpleNamespace(inputBufferAdcTime=times[0], currentTime=times[1], outputBufferDacTime=times[2])
                room = bytearray(pcm if pcm is not None else frames * 2 * (channels or 1))
                callback(memoryview(room), frames, told, 0)
                return bytes(room) if pcm is None else None

            try:
                self._stream = machine.open(kind, device, round(samplerate or 0), channels or 0, call)
            except OSError as problem:
                raise PortAudioError(f"Error opening stream: {problem.args[1]}", problem.args[0]) from None

        @property
        def active(self) -> bool:
            if not self._stream.open:
                raise PortAudioError("Invalid stream pointer")
            return self._stream.running

        def start(self) -> None:
            self._stream.running = True

        def stop(self, ignore_errors: bool = True) -> None:
            self._stream.running = False

        def close(self, ignore_errors: bool = True) -> None:
            self._stream.open = self._stream.running = False

    return RawStream


class _Defaults:
    """sounddevice.default.device: what PortAudio says, unless it was assigned to."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def __getitem__(self, index: int) -> int:
        return self._machine.default(("input", "output")[index])


def sounddevice_module(machine: Machine) -> ModuleType:
    """Return the part of sounddevice that the client uses."""

    def initialize() -> None:
        machine.begin()

    def terminate() -> None:
        machine.ended += 1

    def query_devices() -> tuple[dict[str, Any], ...]:
        return tuple(
            {
                "name": device.name,
                "index": number,
                "hostapi": device.host,
                "max_input_channels": device.inputs,
                "max_output_channels": device.outputs,
                "default_samplerate": device.rate_hz,
            }
            for number, device in enumerate(machine.seen)
        )

    def query_hostapis() -> tuple[dict[str, Any], ...]:
        return tuple({"name": name, "default_input_device": -1, "default_output_device": -1} for name in HOSTS)

    module: Any = ModuleType("sounddevice")
    module.default = SimpleNamespace(device=_Defaults(machine))
    module.PortAudioError = PortAudioError
    module.RawInputStream, module.RawOutputStream = _raw_stream(machine, "input"), _raw_stream(machine, "output")
    module.query_devices, module.query_hostapis = query_devices, query_hostapis
    module._initialize, module._terminate = initialize, terminate
    initialize()
    return module  # type: ignore[no-any-return]


def pyaudio_module(machine: Machine) -> ModuleType:
    """Return the part of pyaudio that the client uses."""
    module: Any = ModuleType("pyaudio")
    module.paInt16, module.paContinue = 8, 0
    module.PyAudio = type("PyAudio", (_PyAudio,), {"machine": machine})
    return module  # type: ignore[no-any-return]


def plug_in(monkeypatch: pytest.MonkeyPatch, backend: str = "pyaudio", machine: Machine | None = None) -> Machine:
    """Put a fake where the module would be, and nothing where the other would; return the machine behind it."""
    machine = machine or Machine()
    made = {"pyaudio": pyaudio_module, "sounddevice": sounddevice_module}
    for name, make in made.items():
        monkeypatch.setitem(sys.modules, name, make(machine) if name == backend else None)
    return machine
