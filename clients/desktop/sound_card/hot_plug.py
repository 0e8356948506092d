"""What to do when a sound device goes away in the middle of a call, or comes back. No I/O: lists and times in.

The call never ends for it. What is gone is replaced by the system's default at once; where there is none it is waited
for; and the device that the person chose is taken up again as soon as it is there.
"""

from __future__ import annotations

from collections.abc import Sequence

from .devices import Direction, SoundDevice, default, wished

LOOK_EACH_S = 2.0
"""How often a list is looked up while something is missing; a look-up costs a tenth of a second of one core."""
LOST_AFTER_S = 1.0
"""A device that is silent for so long without a word of the driver's is taken for lost: a busy machine is late, too."""


class HotPlug:
    """One direction's device."""

    def __init__(self, direction: Direction, wish: str) -> None:
        self.direction = direction
        self.wish = wish
        """What the person chose; "": the system's default."""
        self.device: SoundDevice | None = None
        """What is in use; None: nothing, and it is waited for."""
        self._gone = ""
        self._look_s = 0.0

    @property
    def trouble(self) -> str:
        """One line for the person; "" when they have what they chose."""
        if self.device is None:
            effect = "you can't be heard" if self.direction is Direction.INPUT else "the reply waits"
            which = f"The {self.direction} {self._gone} is gone" if self._gone else f"There is no {self.direction}"
            return f"{which}: plug one in; the call goes on, but {effect}."
        if self._gone and self._gone != self.device.name:
            return f"The {self.direction} {self._gone} is gone: {self.device.name} stands in until it is back."
        return ""

    def choose(self, wish: str) -> None:
        """Note that the person chose anew."""
        self.wish, self._gone = wish, ""

    def taken(self, device: SoundDevice | None) -> None:
        """Note what is in use from now on."""
        self.device = device
        if device is not None and (device.name == self._gone or not self.wish):
            self._gone = ""

    def lost(self, now_s: float) -> None:
        """Note that the device in use is gone, or can't be opened."""
        if self.device is not None:
            if not self._gone:
                self._gone = self.device.name
            self.device = None
        self._look_s = now_s + LOOK_EACH_S

    def wants_look(self, now_s: float) -> bool:
        """Whether a fresh list should be looked up now. Asked again, it says no until the next time is due."""
        if (self.device is not None and not self._is_stand_in) or now_s < self._look_s:
            return False
        self._look_s = now_s + LOOK_EACH_S
        return True

    def best(self, devices: Sequence[SoundDevice]) -> SoundDevice | None:
        """Return what should be in use, of these: the one chosen, else the default, else nothing."""
        meant = self.wish or self._gone
        return (wished(devices, self._name_of(meant), self.direction) if meant else None) or default(
            devices, self.direction
        )

    def would_change(self, devices: Sequence[SoundDevice]) -> bool:
        """Whether these devices offer a better one than is in use."""
        best = self.best(devices)
        return best is not None and (self.device is None or (self._is_stand_in and best.name != self.device.name))

    @property
    def _is_stand_in(self) -> bool:
        return bool(self._gone) and self.device is not None and self.device.name != self._gone

    def _name_of(self, meant: str) -> str:
        """Return the name: a number is of the list in which it was chosen, and means another device in the next."""
        return self._gone if self._gone and meant.strip().isdigit() else meant
