"""What a person may choose about the sound."""

from __future__ import annotations

from dataclasses import dataclass

from ..failures import UsageError

ECHO_CHOICES = ("", "device", "headphones", "server", "off")


@dataclass(frozen=True, slots=True)
class SoundChoice:
    """Devices and how echo is kept away. Empty, or "auto": what the system, or the device's name, suggests."""

    input: str = ""
    """The microphone: its number, its name or a part of that. "": the system's default."""
    output: str = ""
    """The speaker, likewise."""
    backend: str = ""
    """"sounddevice" or "pyaudio"; "": the first that is installed."""
    echo: str = ""
    """"device": cancel it here. "headphones": there is none. "server": leave it to the server. "off": neither, since
    the system does (PipeWire's echo-cancel, say). "": headphones where the speaker is called so, else "device", or
    "server" where no canceller is installed."""
    again: bool = False
    """Chosen in a call before this one: what is not there by now is stood in for, as in mid-call, and no error."""

    def __post_init__(self) -> None:
        for name in ("backend", "echo"):
            if getattr(self, name) == "auto":
                object.__setattr__(self, name, "")
        if self.echo not in ECHO_CHOICES:
            raise UsageError(f"Echo can't be {self.echo!r}: choose device, headphones, server or off.")
