"""Whose turn it is, in words, in a mark and in a colour: all three say the same, for who sees only one of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..events import Activity


class Tone(StrEnum):
    """What a colour shall say."""

    YOURS = "yours"
    HEARS = "hears"
    THINKS = "thinks"
    SPEAKS = "speaks"
    TROUBLE = "trouble"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Standing:
    """The line at the top."""

    words: str
    mark: str
    tone: Tone


STANDINGS = {
    Activity.IDLE: Standing("You have the floor", "●", Tone.YOURS),
    Activity.LISTENING: Standing("Listening", "◉", Tone.HEARS),
    Activity.THINKING: Standing("Thinking", "…", Tone.THINKS),
    Activity.SPEAKING: Standing("Speaking", "▶", Tone.SPEAKS),
    Activity.BARGE_IN: Standing("You have the floor: go on", "●", Tone.YOURS),
}
CONNECTING = Standing("Connecting", "○", Tone.TROUBLE)


@dataclass
class Circumstances:
    """What whose turn it is depends on."""

    activity: Activity = Activity.UNKNOWN
    is_open: bool = False
    is_reconnecting: bool = False
    is_muted: bool = False
    has_talk_key: bool = False
    """The ends of turns are left to the key, since it was pressed once."""
    is_talking: bool = False
    """The key is down."""
    over: str = ""
    """How the conversation ended; empty: it goes on."""


def standing(now: Circumstances) -> Standing:
    """Return what to show. An end goes before a lost connection, that before the keys, and these before the rest."""
    if now.over:
        return Standing(now.over, "■", Tone.OVER)
    if now.is_reconnecting:
        return Standing("Connecting again", "○", Tone.TROUBLE)
    if not now.is_open:
        return CONNECTING
    if now.is_talking:
        return Standing("Listening: let go when you have finished", "◉", Tone.HEARS)
    if now.activity in (Activity.THINKING, Activity.SPEAKING):
        shown = STANDINGS[now.activity]
        return Standing(f"{shown.words}, your microphone is muted", shown.mark, shown.tone) if now.is_muted else shown
    if now.is_muted:
        return Standing("Muted: m opens the microphone", "×", Tone.TROUBLE)
    if now.has_talk_key:
        return Standing("You have the floor: hold space to talk", "●", Tone.YOURS)
    return STANDINGS.get(now.activity, STANDINGS[Activity.IDLE])
