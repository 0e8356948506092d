"""How the speaker is kept out of the microphone: what was declared, or else what the devices' names say."""

from __future__ import annotations

import re
from enum import StrEnum

from .aec3 import installed


class EchoWay(StrEnum):
    """What is done about echo, and by whom."""

    HEADPHONES = "headphones"
    """Nothing: there is no way from the speaker to the microphone."""
    DEVICE = "device"
    """Cancelled here."""
    SERVER = "server"
    """Left to the server."""
    OFF = "off"
    """Not cancelled here, since the system does it, or to hear the difference."""


_ON_THE_HEAD = re.compile(
    r"head(phone|set)|ear(phone|bud|pod)|\bbuds\b|airpods|hands-?free|kopfhörer|casque|écouteur|auricular|cuffie|"
    r"fones? de ouvido|наушник|гарнитур|ヘッド(ホン|フォン|セット)|耳机|\bwh-1000|quietcomfort",
    re.IGNORECASE,
)
_CANCELLED_BEFORE = re.compile(r"echo[ _-]?cancel", re.IGNORECASE)
"""What PulseAudio and PipeWire call a microphone from which they have taken the echo."""


def worn(output_name: str) -> bool:
    """Whether a speaker's name says that it is worn on the head. "Headphones" of a sound card may be a jack unused:
    systems that know switch the name when something is plugged in.
    """
    return bool(_ON_THE_HEAD.search(output_name))


def decide(choice: str, output_name: str, input_name: str = "") -> EchoWay:
    """Return how echo is kept away: as chosen, or by the names of the devices; without a canceller by the server."""
    if choice in ("headphones", "off"):
        return EchoWay(choice)
    if not choice and worn(output_name):
        return EchoWay.HEADPHONES
    if not choice and _CANCELLED_BEFORE.search(input_name):
        return EchoWay.OFF
    return EchoWay.DEVICE if choice != "server" and installed() else EchoWay.SERVER
