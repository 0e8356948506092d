"""The sound card through PyAudio: two streams, since microphone and speaker run at different rates.

PortAudio calls back from a thread of its own. The microphone's calls make the ticks; the speaker's calls empty a short
queue that `play` fills, and how much stands in it is part of the latency.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections import deque
from typing import Any

from .failures import DeviceLost, UsageError
from .recording import Recording
from .sound import (
    MIC_FRAME_SAMPLES,
    MIC_HZ,
    SAMPLE_BYTES,
    SPEAKER_FRAME_SAMPLES,
    SPEAKER_HZ,
)

INSTALL = (
    "Live sound needs PyAudio: .venv/bin/pip install --require-hashes -r lock/live.txt"
    " (on Debian first: apt install portaudio19-dev gcc python3-dev)"
)
MIC_FRAME_BYTES = MIC_FRAME_SAMPLES * SAMPLE_BYTES
SPEAKER_FRAME_BYTES = SPEAKER_FRAME_SAMPLES * SAMPLE_BYTES
HEAD_START_FRAMES = 2
"""Frames of silence in the speaker's queue at the start: they cover the jitter between its calls and ours."""
TRIM_FRAMES = 4
"""From here on a silent frame is left out: the two cards' clocks drift, and pauses make good for it unheard."""
LARGEST_QUEUE_FRAMES = 10
"""More than this is never queued: the oldest is dropped, audibly but once, and counted."""
LARGEST_MIC_BACKLOG_FRAMES = 50
"""1 s of microphone for a client that is not scheduled; beyond it the oldest is dropped and counted."""
MIC_LOST_S = 3.0


class LiveDevice:
    """Microphone and speaker of this machine: the system's default ones."""

    def __init__(self, recording: Recording | None = None) -> None:
        """Raises UsageError with the line that says what to install when PyAudio is missing."""
        self._pyaudio = _import_pyaudio()
        self._recording = recording
        self._audio: Any = None
        self._streams: list[Any] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._heard: deque[bytes] = deque(maxlen=LARGEST_MIC_BACKLOG_FRAMES)
        self._frame_ready = asyncio.Event()
        self._mic_rest = b""
        self._lock = threading.Lock()
        self._to_play = bytearray()
        self._device_latency_samples = 0
        self.input_latency_samples = 0
        self.dropped_mic_frames = 0
        self.dropped_speaker_frames = 0
        self.starved_calls = 0
        """Times the sound card asked and the queue was empty: this machine is too busy."""

    @property
    def output_latency_samples(self) -> int:
        """What stands in the queue and in the sound card."""
        with self._lock:
            return self._device_latency_samples + len(self._to_play) // SAMPLE_BYTES

    def start(self) -> None:
        """Open the default devices and begin. Raises UsageError when there are none."""
        self._loop = asyncio.get_running_loop()
        self._to_play += bytes(HEAD_START_FRAMES * SPEAKER_FRAME_BYTES)
        self._audio = self._pyaudio.PyAudio()
        try:
            microphone = self._open("microphone", MIC_HZ, MIC_FRAME_SAMPLES, self._on_mic, input=True)
            speaker = self._open("speaker", SPEAKER_HZ, SPEAKER_FRAME_SAMPLES, self._on_speaker, output=True)
            self.input_latency_samples = max(0, round(microphone.get_input_latency() * MIC_HZ))
            self._device_latency_samples = max(0, round(speaker.get_output_latency() * SPEAKER_HZ))
            if self._recording:
                self._recording.delay_samples += self.output_latency_samples
            for stream in (speaker, microphone):
                stream.start_stream()
        except UsageError:
            self.stop()
            raise

    async def tick(self) -> bytes:
        """Return the next frame of the microphone. Raises DeviceLost when none comes for 3 s."""
        while not self._heard:
            self._frame_ready.clear()
            try:
                await asyncio.wait_for(self._frame_ready.wait(), MIC_LOST_S)
            except TimeoutError:
                raise DeviceLost("The microphone has stopped: was it unplugged? Plug it in and start again.") from None
        pcm = self._heard.popleft()
        if self._recording:
            self._recording.heard(pcm)
        return pcm

    def play(self, pcm: bytes) -> None:
        """Queue the next frame for the speaker."""
        if self._recording:
            self._recording.played(pcm)
        with self._lock:
            queued = len(self._to_play) // SPEAKER_FRAME_BYTES
            if queued >= TRIM_FRAMES and not any(pcm):
                return
            if queued >= LARGEST_QUEUE_FRAMES:
                del self._to_play[:SPEAKER_FRAME_BYTES]
                self.dropped_speaker_frames += 1
            self._to_play += pcm

    def stop(self) -> None:
        """Stop both streams and let go of the sound card."""
        for stream in self._streams:
            stream.stop_stream()
            stream.close()
        self._streams.clear()
        if self._audio is not None:
            self._audio.terminate()
            self._audio = None

    def _open(self, what: str, rate_hz: int, frames: int, callback: Any, **direction: bool) -> Any:
        try:
            stream = self._audio.open(
                rate=rate_hz,
                channels=1,
                format=self._pyaudio.paInt16,
                frames_per_buffer=frames,
                stream_callback=callback,
                start=False,
                **direction,
            )
        except (OSError, ValueError) as problem:
            raise UsageError(
                f"Cannot open the {what} ({problem}): check that one is plugged in, is the default, and is not in use."
            ) from problem
        self._streams.append(stream)
        return stream

    # In PortAudio's threads

    def _on_mic(self, pcm: bytes, frames: int, times: object, status: int) -> tuple[None, int]:
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hear, pcm)
        return None, self._pyaudio.paContinue

    def _on_speaker(self, nothing: None, frames: int, times: object, status: int) -> tuple[bytes, int]:
        wanted = frames * SAMPLE_BYTES
        with self._lock:
            pcm = bytes(self._to_play[:wanted])
            del self._to_play[:wanted]
        self.starved_calls += len(pcm) < wanted
        return pcm.ljust(wanted, b"\0"), self._pyaudio.paContinue

    # In the event loop

    def _hear(self, pcm: bytes) -> None:
        """Cut what came into frames; a card may give other sizes than were asked for."""
        self._mic_rest += pcm
        while len(self._mic_rest) >= MIC_FRAME_BYTES:
            self.dropped_mic_frames += len(self._heard) == LARGEST_MIC_BACKLOG_FRAMES
            self._heard.append(self._mic_rest[:MIC_FRAME_BYTES])
            self._mic_rest = self._mic_rest[MIC_FRAME_BYTES:]
        if self._heard:
            self._frame_ready.set()


def _import_pyaudio() -> Any:
    try:
        return importlib.import_module("pyaudio")
    except ImportError:
        raise UsageError(INSTALL) from None
