"""How well the connection carries the conversation, in a word and a line: judged over the last ten seconds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from ..meters import Quality

JUDGED_S = 10.0
GOOD_GAP_SHARE = 0.005
"""So much of the time may be gaps before it is worth a word: the goal at 5 % of packets lost."""
CALM_START_MS = 60
"""A playout buffer that asks for more before a reply begins has met jitter."""


class Flow(StrEnum):
    """In a word."""

    GOOD = "good"
    UNSTEADY = "unsteady"
    BAD = "bad"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Connection:
    """The word and the line behind it."""

    flow: Flow = Flow.GOOD
    words: str = ""


class FlowMeter:
    """Feed it the quality now and then."""

    def __init__(self) -> None:
        self._past: deque[tuple[float, Quality]] = deque()

    def feed(self, quality: Quality, now_s: float, *, away: bool) -> Connection:
        """Return how it goes. `away`: no connection stands just now."""
        self._past.append((now_s, quality))
        while self._past[0][0] < now_s - JUDGED_S and len(self._past) > 1:
            self._past.popleft()
        since_s, before = self._past[0]
        if away:
            return Connection(Flow.AWAY, "what you say meanwhile is kept")
        gap_ms = quality.gap_ms - before.gap_ms
        lost = quality.dropped_mic_frames - before.dropped_mic_frames
        unplayed = quality.dropped_speaker_frames - before.dropped_speaker_frames
        share = gap_ms / 1000 / max(1.0, now_s - since_s)
        if share > GOOD_GAP_SHARE or lost > 0 or unplayed > 0:
            flow = Flow.BAD
        elif quality.start_ms > CALM_START_MS or quality.underruns > before.underruns:
            flow = Flow.UNSTEADY
        else:
            flow = Flow.GOOD
        starved = quality.starved_calls - before.starved_calls
        return Connection(flow, ", ".join(_parts(quality, gap_ms, lost, unplayed, starved)))


def _parts(quality: Quality, gap_ms: int, lost: int, unplayed: int, starved: int) -> list[str]:
    parts = [f"buffer {quality.start_ms} ms"]
    parts.append(f"{gap_ms} ms of gaps" if gap_ms > 0 else "no gaps")
    if lost > 0:
        parts.append(f"{lost * 20} ms of your words lost")
    if unplayed > 0:
        parts.append(f"{unplayed * 20} ms of Parley's not played")
    if starved > 0:
        parts.append("this machine is too busy")
    return parts
