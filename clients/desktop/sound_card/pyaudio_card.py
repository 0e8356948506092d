"""The sound card through PyAudio (0.2.13 and 0.2.14)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from .card import CannotOpen, Hear, Stream, Supply, believed
from .devices import SoundDevice


class PyAudioCard:
    """PortAudio through the module `pyaudio`, which is handed in."""

    name = "PyAudio"

    def __init__(self, module: Any) -> None:
        self._module = module
        self._audio: Any = module.PyAudio()

    def devices(self) -> list[SoundDevice]:
        """Return what there was when PortAudio began."""
        default_input, default_output = self._default("input"), self._default("output")
        found = []
        for number in range(self._audio.get_device_count()):
            told = self._audio.get_device_info_by_index(number)
            found.append(
                SoundDevice(
                    number,
                    _text(told["name"]),
                    _text(self._audio.get_host_api_info_by_index(told["hostApi"])["name"]),
                    told["maxInputChannels"],
                    told["maxOutputChannels"],
                    round(told["defaultSampleRate"]),
                    number == default_input,
                    number == default_output,
                )
            )
        return found

    def open_input(self, device: SoundDevice, rate_hz: int, channels: int, frames: int, hear: Hear) -> Stream:
        """Open a microphone. Raises CannotOpen."""

        def on_sound(pcm: bytes, count: int, times: dict[str, float], status: int) -> tuple[None, int]:
            hear(pcm, believed(times["current_time"] - times["input_buffer_adc_time"]))
            return None, self._module.paContinue

        return self._open(rate_hz, channels, frames, on_sound, input=True, input_device_index=device.number)

    def open_output(self, device: SoundDevice, rate_hz: int, channels: int, frames: int, supply: Supply) -> Stream:
        """Open a speaker. Raises CannotOpen."""

        def on_want(nothing: None, count: int, times: dict[str, float], status: int) -> tuple[bytes, int]:
            wanted = supply(count, believed(times["output_buffer_dac_time"] - times["current_time"]))
            return wanted, self._module.paContinue

        return self._open(rate_hz, channels, frames, on_want, output=True, output_device_index=device.number)

    def refresh(self) -> None:
        """Begin PortAudio anew: it looks for devices only then."""
        self._audio.terminate()
        self._audio = self._module.PyAudio()

    def close(self) -> None:
        """End PortAudio."""
        if self._audio is not None:
            self._audio.terminate()
            self._audio = None

    def _default(self, direction: str) -> int:
        try:
            return int(getattr(self._audio, f"get_default_{direction}_device_info")()["index"])
        except OSError:
            return -1

    def _open(self, rate_hz: int, channels: int, frames: int, callback: Any, **which: Any) -> Stream:
        try:
            stream = self._audio.open(
                rate=rate_hz,
                channels=channels,
                format=self._module.paInt16,
                frames_per_buffer=frames,
                stream_callback=callback,
                start=False,
                **which,
            )
            stream.start_stream()
        except (OSError, ValueError) as problem:
            raise CannotOpen(" ".join(str(problem).split())) from problem
        return _PyAudioStream(stream, is_input="input" in which)


class _PyAudioStream:
    def __init__(self, stream: Any, *, is_input: bool) -> None:
        self._stream = stream
        self.latency_s = float(stream.get_input_latency() if is_input else stream.get_output_latency())

    @property
    def alive(self) -> bool:
        try:
            return self._stream is not None and bool(self._stream.is_active())
        except OSError:  # the device is gone
            return False

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with suppress(OSError):
                stream.stop_stream()
            with suppress(OSError):
                stream.close()


def _text(name: str | bytes) -> str:
    """Return a name as text: PyAudio leaves bytes where it can't decode them."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name
