"""The sound devices and the ways with echo as a list to choose from. No Textual here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..meters import Quality
from ..sound_card.devices import SoundDevice


@dataclass(frozen=True, slots=True)
class Choice:
    """A row: `kind` is "heading", "input", "output" or "echo", `value` what is chosen by it."""

    kind: str
    value: str
    words: str


ECHO_WORDS = (
    ("device", "cancelled here (speakers)"),
    ("headphones", "none: I wear headphones"),
    ("server", "left to the server"),
    ("off", "not cancelled"),
)


def choices(devices: Sequence[SoundDevice], quality: Quality) -> list[Choice]:
    """Return all rows; what is in use is marked."""
    inputs = [_device("input", device, quality.microphone) for device in devices if device.inputs]
    outputs = [_device("output", device, quality.speaker) for device in devices if device.outputs]
    # A device that the system reaches in several ways has one name, and one row.
    rows = [Choice("heading", "", "Microphone"), *_once(inputs), Choice("heading", "", "Speaker"), *_once(outputs)]
    rows.append(Choice("heading", "", "Echo"))
    rows += [Choice("echo", way, f"{_mark(quality.echo.way == way)} {words}") for way, words in ECHO_WORDS]
    return rows


def listed(devices: Sequence[SoundDevice]) -> list[str]:
    """Return the devices as lines, for --devices."""
    lines = []
    for device in devices:
        ways = [word for word, count in (("microphone", device.inputs), ("speaker", device.outputs)) if count]
        defaults = [
            word for word, is_ in (("input", device.is_default_input), ("output", device.is_default_output)) if is_
        ]
        default = f", the default {' and '.join(defaults)}" if defaults else ""
        lines.append(f"{device.number:3}  {device.name} ({', '.join(ways)}{default})")
    return lines


def _once(rows: Iterable[Choice]) -> Iterable[Choice]:
    best = {}
    for row in rows:
        if row.value not in best or row.words.endswith("(default)"):
            best[row.value] = row
    return best.values()


def _device(kind: str, device: SoundDevice, in_use: str) -> Choice:
    is_default = device.is_default_input if kind == "input" else device.is_default_output
    default = " (default)" if is_default else ""
    return Choice(kind, device.name, f"{_mark(device.name == in_use)} {device.name}{default}")


def _mark(is_in_use: bool) -> str:
    return "●" if is_in_use else "○"
