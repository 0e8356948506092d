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
        self.outlet = Outlet(clock)
        self.generation = 0
        self.devices: list[SoundDevice] = card.devices()
        self.dropped_mic_frames = 0
        self._again = choice.again
        self._opened_s = 0.0
        self._look_up, self._clock = look_up, clock
        self._look: Listing | None = None
        self._mic_stream: Stream | None = None
        self._speaker_stream: Stream | None = None

    def chosen(self) -> tuple[SoundDevice, SoundDevice]:
        """Return the microphone and the speaker that are meant, before they are opened. Raises UsageError."""
        return self._chosen(self.microphone), self._chosen(self.speaker)

    def start(self) -> None:
        """Open what was chosen. Raises UsageError: at the beginning a missing device is the person's to mend."""
        microphone, speaker = self.chosen()
        if self._again:
            self._take_up()
            return
        for plug, device in ((self.speaker, speaker), (self.microphone, microphone)):
            try:
                self._begin(plug, device)
            except CannotOpen as problem:
                self.stop()
                raise UsageError(
                    f"Cannot open the {plug.direction} {device.name} ({problem}): check that it is plugged in and not "
                    "in use, or choose another one."
                ) from None
        self._opened()

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
        plug = self.microphone if direction is Direction.INPUT else self.speaker
        plug.choose(pick(self.devices, wish, direction) if wish.strip() else None)

    def reopen(self) -> None:
        """Take up what should be in use, on a fresh list. Sound stops for some tens of milliseconds."""
        self._anew()
        self._take_up()

    def look_after(self) -> None:
        """Do what is due: notice losses, look for what is missing. Call it at each tick."""
        now_s = self._clock()
        if self._notice_losses(now_s):
            return
        if self._look is None:
            # Both are asked, so that both wait for their next turn.
            if any([self.microphone.wants_look(now_s), self.speaker.wants_look(now_s)]):
                self._look = self._look_up(self.card.name.casefold())
        elif self._look.done:
            found, self._look = self._look.result(), None
            if found and any(plug.would_change(found, now_s) for plug in (self.microphone, self.speaker)):
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

    @property
    def takes_speech(self) -> bool:
        """Whether there is a speaker, and it takes what it is given."""
        return self._speaker_stream is not None and not self.outlet.is_full

    def _chosen(self, plug: HotPlug) -> SoundDevice:
        device = plug.best(self.devices, self._clock()) if self._again else None
        return device or plug.pick(self.devices)

    def _notice_losses(self, now_s: float) -> bool:
        """Replace what is gone or silent; return whether anything was."""
        lost, silent = False, []
        for plug, stream, called_s in (
            (self.microphone, self._mic_stream, self.intake.heard_s if self.intake else now_s),
            (self.speaker, self._speaker_stream, self.outlet.asked_s),
        ):
            if stream is None or plug.device is None:
                continue
            if called_s > self._opened_s:
                plug.works()
            if not stream.alive or now_s - called_s > LOST_AFTER_S:
                lost = True
                if called_s <= self._opened_s:
                    silent.append((plug, plug.device))
                plug.lost(now_s)
        if lost:
            self._anew()
            for plug, device in silent:
                if any(each.name == device.name for each in self.devices):
                    plug.silent(device, now_s)
            self._take_up()
        return lost

    def _anew(self) -> None:
        """Close all, and look what there is."""
        self._close()
        self.card.refresh()
        self.devices = self.card.devices()

    def _take_up(self) -> None:
        """Open what should be in use, of what there is; where that can't be used, what stands in for it."""
        now_s = self._clock()
        for plug in (self.speaker, self.microphone):
            plug.taken(None)
            while device := plug.best(self.devices, now_s):
                try:
                    self._begin(plug, device)
                    break
                except CannotOpen as problem:
                    plug.refused(device, str(problem), now_s)
            else:
                plug.lost(now_s)
        self._opened()

    def _opened(self) -> None:
        """Note that other streams are open from now on; whoever calls later than that is at work."""
        self.generation += 1
        self._opened_s = self._clock()

    def _begin(self, plug: HotPlug, device: SoundDevice) -> None:
        """Begin with a device. Raises CannotOpen."""
        (self._open_microphone if plug is self.microphone else self._open_speaker)(device)
        plug.taken(device)

    def _open_speaker(self, device: SoundDevice) -> None:
        self.outlet.begin()
        self._speaker_stream = fit.open_output(self.card, device, SPEAKER_HZ, self.outlet.supply)
        self.outlet.latency_s = self._speaker_stream.latency_s

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
        self._mic_stream = self._speaker_stream = self.intake = None
