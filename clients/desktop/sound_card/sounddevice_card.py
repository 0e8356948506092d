"""The sound card through sounddevice (0.5), whose wheels carry PortAudio for Windows and macOS."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from .card import CannotOpen, Hear, Stream, Supply, believed
from .devices import SoundDevice


class SoundDeviceCard:
    """PortAudio through the module `sounddevice`, which is handed in."""

    name = "sounddevice"

    def __init__(self, module: Any) -> None:
        self._module = module

    def devices(self) -> list[SoundDevice]:
        """Return what there was when PortAudio began."""
        default_input, default_output = self._module.default.device[0], self._module.default.device[1]
        hosts = self._module.query_hostapis()
        return [
            SoundDevice(
                told["index"],
                told["name"],
                hosts[told["hostapi"]]["name"],
                told["max_input_channels"],
                told["max_output_channels"],
                round(told["default_samplerate"]),
                told["index"] == default_input,
                told["index"] == default_output,
            )
            for told in self._module.query_devices()
        ]

    def open_input(self, device: SoundDevice, rate_hz: int, channels: int, frames: int, hear: Hear) -> Stream:
        """Open a microphone. Raises CannotOpen."""

        def on_sound(sound: Any, count: int, times: Any, status: Any) -> None:
            hear(bytes(sound), believed(times.currentTime - times.inputBufferAdcTime))

        return self._open(self._module.RawInputStream, device, rate_hz, channels, frames, on_sound)

    def open_output(self, device: SoundDevice, rate_hz: int, channels: int, frames: int, supply: Supply) -> Stream:
        """Open a speaker. Raises CannotOpen."""

        def on_want(room: Any, count: int, times: Any, status: Any) -> None:
            room[:] = supply(count, believed(times.outputBufferDacTime - times.currentTime))

        return self._open(self._module.RawOutputStream, device, rate_hz, channels, frames, on_want)

    def refresh(self) -> None:
        """Begin PortAudio anew: it looks for devices only then. The module has no public word for that."""
        self._module._terminate()
        self._module._initialize()

    def close(self) -> None:
        """Nothing: the module ends PortAudio when the program ends."""

    def _open(self, kind: Any, device: SoundDevice, rate_hz: int, channels: int, frames: int, callback: Any) -> Stream:
        try:
            stream = kind(
                samplerate=rate_hz,
                blocksize=frames,
                device=device.number,
                channels=channels,
                dtype="int16",
                latency="low",
                callback=callback,
            )
            stream.start()
        except (self._module.PortAudioError, ValueError) as problem:
            raise CannotOpen(" ".join(str(problem).split())) from problem
        return _SoundDeviceStream(stream, self._module.PortAudioError)


class _SoundDeviceStream:
    def __init__(self, stream: Any, failure: type[Exception]) -> None:
        self._stream, self._failure = stream, failure
        self.latency_s = float(stream.latency)

    @property
    def alive(self) -> bool:
        try:
            return self._stream is not None and bool(self._stream.active)
        except self._failure:  # the device is gone
            return False

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with suppress(self._failure):
                stream.stop()
            with suppress(self._failure):
                stream.close()
