"""Keeps a microphone and a speaker open while a call lasts, whatever is plugged in and out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from ..failures import UsageError
from ..sound import MIC_HZ, SPEAKER_HZ
from . import fit
from .card import CannotOpen, SoundCard, Stream
from .choice import SoundChoice
from .devices import Direction, SoundDevice, pick
from .hot_plug import LOST_AFTER_S, HotPlug
from .intake import Intake
from .listing import Listing
from .outlet import Outlet

LookUp = Callable[[str], Listing]


class Keeper:
    """Opens both streams, notices when one is gone, and opens what should be in use instead.

    `generation` grows each time streams were opened anew: whoever keeps clocks or learns the room begins anew, too.
    """

    def __init__(
        self,
        card: SoundCard,
        choice: SoundChoice,
        *,
        look_up: LookUp = Listing,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.card = card
        self.microphone = HotPlug(Direction.INPUT, choice.input)
        self.speaker = HotPlug(Direction.OUTPUT, choice.output)
        self.intake: Intake | None = None
        self.outlet: Outlet | None = None
        self.generation = 0
        self.devices: list[SoundDevice] = card.devices()
        self.dropped_mic_frames = 0
        self.starved_calls = 0
        self._look_up, self._clock = look_up, clock
        self._look: Listing | None = None
        self._mic_stream: Stream | None = None
        self._speaker_stream: Stream | None = None

    def chosen(self) -> tuple[SoundDevice, SoundDevice]:
        """Return the microphone and the speaker that are meant, before they are opened. Raises UsageError."""
        return (
            pick(self.devices, self.microphone.wish, Direction.INPUT),
            pick(self.devices, self.speaker.wish, Direction.OUTPUT),
        )

    def start(self) -> None:
        """Open what was chosen. Raises UsageError: at the beginning a missing device is the person's to mend."""
        microphone, speaker = self.chosen()
        problem = self._open(microphone, speaker)
        if problem:
            self.stop()
            raise UsageError(problem)

    def stop(self) -> None:
        """Close both, and let go of the card."""
        self._close()
        if self._look:
            self._look.put_away()
            self._look = None
        self.card.close()

    def choose(self, wish: str | None, direction: Direction) -> None:
        """Use another device from now on; None: leave it as it is. Raises UsageError, and changes nothing then."""
        if wish is None:
            return
        device = pick(self.devices, wish, direction)
        plug = self.microphone if direction is Direction.INPUT else self.speaker
        plug.choose(device.name if wish.strip() else "")

    def reopen(self) -> None:
        """Take up what should be in use, on a fresh list. Sound stops for some tens of milliseconds."""
        self._close()
        self.card.refresh()
        self.devices = self.card.devices()
        now_s = self._clock()
        if self._open(self.microphone.best(self.devices), self.speaker.best(self.devices)):
            for plug in (self.microphone, self.speaker):
                if plug.device is None:
                    plug.lost(now_s)

    def look_after(self) -> None:
        """Do what is due: notice losses, look for what is missing. Call it at each tick."""
        now_s = self._clock()
        lost = [
            plug
            for plug, stream, called_s in (
                (self.microphone, self._mic_stream, self.intake.heard_s if self.intake else now_s),
                (self.speaker, self._speaker_stream, self.outlet.asked_s if self.outlet else now_s),
            )
            if stream is not None and (not stream.alive or now_s - called_s > LOST_AFTER_S)
        ]
        for plug in lost:
            plug.lost(now_s)
        if lost:
            self.reopen()
        elif self._look is None:
            # Both are asked, so that both wait for their next turn.
            if any([self.microphone.wants_look(now_s), self.speaker.wants_look(now_s)]):
                self._look = self._look_up(self.card.name.casefold())
        elif self._look.done:
            found, self._look = self._look.result(), None
            if found and (self.microphone.would_change(found) or self.speaker.would_change(found)):
                self.reopen()

    async def look(self) -> Sequence[SoundDevice]:
        """Return the devices there are just now, without disturbing the streams; the ones known where that fails."""
        listing = self._look_up(self.card.name.casefold())
        try:
            await asyncio.to_thread(listing.wait)
            self.devices = listing.result() or self.devices
        finally:
            listing.put_away()
        return self.devices

    @property
    def trouble(self) -> str:
        """One line for the person, or nothing."""
        return " ".join(filter(None, (self.microphone.trouble, self.speaker.trouble)))

    def _open(self, microphone: SoundDevice | None, speaker: SoundDevice | None) -> str:
        """Open both, as far as they are there; return what went wrong, for the person."""
        self.generation += 1
        problems = (
            _take(self.speaker, speaker, self._open_speaker),
            _take(self.microphone, microphone, self._open_microphone),
        )
        return " ".join(filter(None, problems))

    def _open_speaker(self, device: SoundDevice) -> None:
        outlet = Outlet(self._clock)
        self._speaker_stream = fit.open_output(self.card, device, SPEAKER_HZ, outlet.supply)
        outlet.latency_s, self.outlet = self._speaker_stream.latency_s, outlet

    def _open_microphone(self, device: SoundDevice) -> None:
        intake = Intake(asyncio.get_running_loop(), self._clock)
        self._mic_stream = fit.open_input(self.card, device, MIC_HZ, intake.hear)
        intake.latency_s, self.intake = self._mic_stream.latency_s, intake

    def _close(self) -> None:
        for stream in (self._mic_stream, self._speaker_stream):
            if stream is not None:
                stream.close()
        if self.intake:
            self.dropped_mic_frames += self.intake.dropped_frames
        if self.outlet:
            self.starved_calls += self.outlet.starved_calls
        self._mic_stream = self._speaker_stream = self.intake = self.outlet = None


def _take(plug: HotPlug, device: SoundDevice | None, begin: Callable[[SoundDevice], None]) -> str:
    """Begin with a device, where there is one; return what went wrong, for the person."""
    plug.taken(None)
    if device is None:
        return ""
    try:
        begin(device)
    except CannotOpen as problem:
        return (
            f"Cannot open the {plug.direction} {device.name} ({problem}): check that it is plugged in and not in use, "
            "or choose another one."
        )
    plug.taken(device)
    return ""
