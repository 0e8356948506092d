"""The sound card of this machine as an `AudioDevice`: microphone and speaker, hot-plugged, echo cancelled, measured.

The microphone's frames make the ticks. Where it has none, since it is gone or late, silence of this machine's clock
stands in, so that the speaker and the conversation go on.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence

from .device import MADE_GOOD_S
from .echo.guard import SILENCE, EchoGuard
from .failures import UsageError
from .meters import EchoState, Levels, Meter
from .recording import Recording, Tracks
from .sound import FRAME_MS, MIC_HZ, SPEAKER_HZ
from .sound_card.backends import INSTALL, open_card
from .sound_card.card import SoundCard
from .sound_card.choice import SoundChoice
from .sound_card.devices import Direction, SoundDevice
from .sound_card.keeper import Keeper, LookUp
from .sound_card.listing import Listing

__all__ = ["INSTALL", "LiveDevice"]

FRAME_S = FRAME_MS / 1000
PATIENCE_S = 0.1
"""A frame so late is replaced by silence; if it comes after all it is dropped, since its time is over."""
STEADY_S = 0.005
"""A latency that moves by less than this is left as it is: the jitter of callbacks is no news of the sound."""


class LiveDevice:
    """Microphone and speaker of this machine: the chosen ones, or the system's default.

    `tracks` takes each frame's sound (microphone, reference, cleaned) while it is set: a recording for a bug report.
    """

    def __init__(
        self,
        recording: Recording | None = None,
        choice: SoundChoice | None = None,
        *,
        tracks: Tracks | None = None,
        card: SoundCard | None = None,
        look_up: LookUp = Listing,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises UsageError: with the line that says what to install, or that a device is not there."""
        choice = choice or SoundChoice()
        self.tracks = tracks
        self._recording = recording
        self._clock = clock
        self._backend = choice.backend
        self._keeper = Keeper(card or open_card(choice.backend), choice, look_up=look_up, clock=clock)
        try:
            microphone, speaker = self._keeper.chosen()
        except UsageError:
            self._keeper.stop()
            raise
        self._echo = EchoGuard(choice.echo, speaker.name, microphone.name)
        self._generation = 0
        self._due_s = 0.0
        self._stood_in = 0
        self._covered_s = -math.inf
        """Up to here the microphone's time has been given, silence that stood in included."""
        self._input_latency_s = self._output_latency_s = 0.0
        self._mic, self._clean, self._speaker = Meter(), Meter(), Meter()
        self.late_frames = 0
        """Frames of the microphone that silence has stood in for."""

    # What it is like

    @property
    def levels(self) -> Levels:
        """How loud it is just now."""
        return Levels(self._mic.db, self._clean.db, self._speaker.db)

    @property
    def echo(self) -> EchoState:
        """How the speaker is kept out of the microphone, and how well."""
        return self._echo.state

    @property
    def microphone(self) -> str:
        """The name of the microphone in use; "" while there is none."""
        return self._keeper.microphone.device.name if self._keeper.microphone.device else ""

    @property
    def speaker(self) -> str:
        """The name of the speaker in use; "" while there is none."""
        return self._keeper.speaker.device.name if self._keeper.speaker.device else ""

    @property
    def speaker_away(self) -> bool:
        """Whether nothing more can be heard just now: replies should wait."""
        return not self._keeper.takes_speech

    @property
    def trouble(self) -> str:
        """One line about missing devices for the person; "" when all is well."""
        return self._keeper.trouble

    @property
    def dropped_mic_frames(self) -> int:
        """Frames of the microphone that this machine was too busy to take."""
        intake = self._keeper.intake
        return self._keeper.dropped_mic_frames + (intake.dropped_frames if intake else 0)

    @property
    def starved_calls(self) -> int:
        """Times the sound card wanted more than there was: this machine is too busy."""
        return self._keeper.outlet.starved_calls

    @property
    def dropped_speaker_frames(self) -> int:
        """Frames for the speaker that found its queue full, though it said that it was."""
        return self._keeper.outlet.dropped_frames

    @property
    def output_latency_samples(self) -> int:
        """What stands in the queue and in the sound card, by the times at which it says its samples are heard."""
        self._output_latency_s = _steady(self._output_latency_s, self._keeper.outlet.unheard_samples() / SPEAKER_HZ)
        return round(self._output_latency_s * SPEAKER_HZ)

    @property
    def input_latency_samples(self) -> int:
        """16 kHz samples between the air and the end of the last frame, the canceller's delay included."""
        return round(self._input_latency_s * MIC_HZ) + self._echo.latency_samples

    # What can be chosen

    def devices(self) -> Sequence[SoundDevice]:
        """Return the devices known."""
        return self._keeper.devices

    async def refresh(self) -> Sequence[SoundDevice]:
        """Look afresh what devices there are; the call is not disturbed."""
        return await self._keeper.look()

    def choose(self, input: str | None = None, output: str | None = None) -> None:
        """Use other devices from now on, in mid-call, too. Raises UsageError, and changes nothing then."""
        self._keeper.choose(input, Direction.INPUT)
        self._keeper.choose(output, Direction.OUTPUT)
        if self._generation:
            self._keeper.reopen()

    def switch_echo(self, way: str) -> str:
        """Keep the speaker out of the microphone otherwise: "device", "headphones", "server", "off", "".

        Return one line for the person where that has to wait for the next call. Raises UsageError.
        """
        waits = self._echo.choose(way)
        if not waits:
            self._begin_anew()
        return waits

    @property
    def choice(self) -> SoundChoice:
        """What is chosen by now, for the next call."""
        microphone, speaker = self._keeper.microphone, self._keeper.speaker
        return SoundChoice(microphone.wish, speaker.wish, self._backend, self._echo.choice, again=True)

    # The waist

    def start(self) -> None:
        """Open the devices and begin. Raises UsageError when there are none."""
        self._keeper.start()
        self._begin_anew()
        self._due_s = self._clock()
        if self._recording:
            self._recording.delay_samples += self.output_latency_samples

    async def tick(self) -> bytes:
        """Return the next frame of the microphone, freed of echo; silence where none comes in time."""
        self._keeper.look_after()
        if self._keeper.generation != self._generation:
            self._begin_anew()
        raw, captured_s = await self._next_frame()
        clean, reference = self._echo.clean(raw, captured_s, self._keeper.outlet.given())
        self._mic.feed(raw)
        self._clean.feed(clean)
        if self.tracks:
            self.tracks.add(raw, reference, clean)
        if self._recording:
            self._recording.heard(clean)
        return clean

    def play(self, pcm: bytes) -> None:
        """Queue the next frame for the speaker."""
        self._speaker.feed(pcm)
        if self._recording:
            self._recording.played(pcm)
        self._keeper.outlet.put(pcm)

    def stop(self) -> None:
        """Stop both streams and let go of the sound card."""
        self._keeper.stop()

    async def _next_frame(self) -> tuple[bytes, float | None]:
        """Return the next frame and when it was captured; silence and None where it does not come in time."""
        while True:
            intake = self._keeper.intake
            if intake and (frame := intake.take()):
                if self._stood_in and frame.captured_s + FRAME_S / 2 < self._covered_s:
                    self._stood_in -= 1
                    continue
                self._stood_in = 0
                self._covered_s = frame.captured_s + FRAME_S
                self._due_s = self._clock() + FRAME_S
                age_s = self._clock() - frame.captured_s - FRAME_S
                self._input_latency_s = _steady(self._input_latency_s, max(age_s, 0.0))
                return frame
            left_s = self._due_s + (PATIENCE_S if intake else 0.0) - self._clock()
            if left_s <= 0:
                break
            if intake is None:
                await asyncio.sleep(left_s)
                continue
            intake.ready.clear()
            try:
                await asyncio.wait_for(intake.ready.wait(), left_s)
            except TimeoutError:
                continue
        await asyncio.sleep(0)
        stands_in_s = FRAME_S + max(0.0, -left_s - MADE_GOOD_S)  # of a long sleep it stands in for the end
        self._due_s, self._covered_s = self._due_s + stands_in_s, self._covered_s + stands_in_s
        self._stood_in += 1
        self.late_frames += 1
        return SILENCE, None

    def _begin_anew(self) -> None:
        """The devices, or the way with echo, have changed: what was learnt of them is forgotten."""
        self._generation = self._keeper.generation
        self._echo.begin_anew(self.speaker, self.microphone)
        self._keeper.outlet.given()


def _steady(before_s: float, now_s: float) -> float:
    return now_s if abs(now_s - before_s) > STEADY_S else before_s
