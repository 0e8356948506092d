"""What to do when a sound device goes away in the middle of a call, can't be used, or comes back. No I/O: lists and
times in.

The call never ends for it. What is gone, or can't be used, is replaced by the system's default at once; where there is
none it is waited for; and the device that the person chose is taken up again as soon as it can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .devices import Direction, SoundDevice, default, is_number, pick, wished

LOOK_EACH_S = 2.0
"""How often a list is looked up while something is missing; a look-up costs a tenth of a second of one core."""
LOST_AFTER_S = 1.0
"""A device that is silent for so long without a word of the driver's is taken for lost: a busy machine is late, too."""
TRIED_AGAIN_AFTER_S = 4.0
"""So long after it could not be used a device is tried again, then after twice as long each time: each try interrupts
what stands in."""
LONGEST_WAIT_S = 60.0


@dataclass(slots=True)
class _Refusals:
    """A device that is listed and can't be used: how often in a row, and until when it is left alone."""

    count: int = 0
    until_s: float = 0.0


class HotPlug:
    """One direction's device."""

    def __init__(self, direction: Direction, wish: str) -> None:
        self.direction = direction
        self.wish = wish
        """What the person chose, by name or a part of it; "": the system's default."""
        self.device: SoundDevice | None = None
        """What is in use; None: nothing, and it is waited for."""
        self._host = ""
        self._missing = ""
        self._why = ""
        self._refusals: dict[str, _Refusals] = {}
        self._silent: set[str] = set()
        self._look_s = 0.0

    @property
    def trouble(self) -> str:
        """One line for the person; "" when they have what they chose."""
        if self.device is None and not self._missing:
            return f"There is no {self.direction}: plug one in; {self._meanwhile}."
        what = f"can't be used ({self._why})" if self._why else "is gone"
        if self.device is None:
            mend = "close what else uses it, or choose another one" if self._why else "plug one in"
            return f"The {self.direction} {self._missing} {what}: {mend}; {self._meanwhile}."
        if self._is_stand_in:
            until = "it can be" if self._why else "it is back"
            return f"The {self.direction} {self._missing} {what}: {self.device.name} stands in until {until}."
        return ""

    def pick(self, devices: Sequence[SoundDevice]) -> SoundDevice:
        """Return the device that the person's wish means, before anything is open. Raises UsageError.

        A number is of this list, and means another device in the next: from now on it is the device's name.
        """
        device = pick(devices, self.wish, self.direction, self._host)
        if is_number(self.wish):
            self.wish, self._host = device.name, device.host
        return device

    def choose(self, device: SoundDevice | None) -> None:
        """Note that the person chose anew; None: the system's default."""
        self.wish, self._host = (device.name, device.host) if device else ("", "")
        self._missing = self._why = ""
        self._refusals.clear()
        self._silent.clear()

    def taken(self, device: SoundDevice | None) -> None:
        """Note what is in use from now on."""
        self.device = device
        if device is None:
            return
        is_named = self._missing in ("", self.wish) and self._named([device], self.wish) is not None
        if not self.wish or device.name == self._missing or is_named:
            self._missing = self._why = ""
        elif not self._missing:
            self._missing = self.wish

    def lost(self, now_s: float) -> None:
        """Note that the device in use is gone."""
        if self.device is not None:
            self._miss(self.device.name, "")
        self._wait(now_s)

    def refused(self, device: SoundDevice, why: str, now_s: float) -> None:
        """Note that a device is there and can't be used: it is left alone for a while, longer each time."""
        self._miss(device.name, why)
        refusals = self._refusals.setdefault(device.name, _Refusals())
        refusals.until_s = now_s + min(TRIED_AGAIN_AFTER_S * 2**refusals.count, LONGEST_WAIT_S)
        refusals.count = min(refusals.count + 1, 8)
        self._wait(now_s)

    def silent(self, device: SoundDevice, now_s: float) -> None:
        """Note that a device was opened, is still there, and no sound ever flowed: the second time it is refused."""
        if device.name in self._silent:
            self.refused(device, "no sound flows", now_s)
        self._silent.add(device.name)

    def works(self) -> None:
        """Note that sound flows."""
        if self.device is not None and (self._refusals or self._silent):
            self._refusals.pop(self.device.name, None)
            self._silent.discard(self.device.name)

    def wants_look(self, now_s: float) -> bool:
        """Whether a fresh list should be looked up now. Asked again, it says no until the next time is due."""
        if (self.device is not None and not self._is_stand_in) or now_s < self._look_s:
            return False
        self._wait(now_s)
        return True

    def best(self, devices: Sequence[SoundDevice], now_s: float) -> SoundDevice | None:
        """Return what should be in use, of these: the one chosen, else the default, else nothing; none that is to be
        left alone.
        """
        meant = self._named(devices, self.wish) if self.wish else self._named(devices, self._missing)
        fit = [device for device in (meant, default(devices, self.direction)) if device is not None]
        return next((device for device in fit if self._may_be_tried(device, now_s)), None)

    def would_change(self, devices: Sequence[SoundDevice], now_s: float) -> bool:
        """Whether these devices offer a better one than is in use."""
        best = self.best(devices, now_s)
        return best is not None and (self.device is None or (self._is_stand_in and best.name != self.device.name))

    @property
    def _meanwhile(self) -> str:
        effect = "you can't be heard" if self.direction is Direction.INPUT else "the reply waits"
        return f"the call goes on, but {effect}"

    @property
    def _is_stand_in(self) -> bool:
        return bool(self._missing) and self.device is not None and self.device.name != self._missing

    def _named(self, devices: Sequence[SoundDevice], name: str) -> SoundDevice | None:
        return wished(devices, name, self.direction, self._host) if name else None

    def _may_be_tried(self, device: SoundDevice, now_s: float) -> bool:
        refusals = self._refusals.get(device.name)
        return refusals is None or now_s >= refusals.until_s

    def _miss(self, name: str, why: str) -> None:
        if self._missing in ("", name):
            self._missing, self._why = name, why
        self.device = None

    def _wait(self, now_s: float) -> None:
        self._look_s = now_s + LOOK_EACH_S
