"""Overlap: is a clip yielded to, or talked through, while the assistant speaks?

The assistant is audible from 3 s before the clip to 2 s after it: the ear has had time to know the room, and a reply
of which more than a second was heard is interrupted, not resumed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import session_pb2
from services.common.audio import REPLY_FRAME_SAMPLES
from tests.eval.audio import Sound, pcm
from tests.eval.folder import OverlapClip
from tests.eval.listener import FRAME_BYTES, Decided, Listener, Models, Spent
from tests.eval.scene import Setting, staged

LEAD_S: Final = 3.0
TAIL_S: Final = 2.0
EARLY_MS: Final = 50
"""A verdict this much before the labelled onset still belongs to it."""

Kind = session_pb2.Interrupt


@dataclass
class Heard:
    """What came of one clip. Times are ms after the onset, compute time included."""

    clip: OverlapClip
    yielded: bool = False
    ducked: bool = False
    decision_ms: float | None = None
    """To the CANCEL, if it was yielded to; to the RELEASE, if it was ducked for and talked through."""
    duck_ms: float | None = None
    """To the first DUCK, or the CANCEL where none came before it."""
    false_start: bool = False
    """Cancelled before the person spoke."""
    causes: list[str] = field(default_factory=list)
    spent: Spent = field(default_factory=Spent)


def overlap(models: Models, setting: Setting, clip: OverlapClip) -> Heard:
    """Hear a clip while the assistant speaks. Raises AudioError."""
    return judge(models, clip, staged(setting, clip.path, LEAD_S, TAIL_S))


def judge(models: Models, clip: OverlapClip, scene: Sound, listener: Listener | None = None) -> Heard:
    """Hear a scene in which the clip begins after `LEAD_S`; by a listener that may have heard something before."""
    listener = listener or Listener(models)
    heard = Heard(clip, spent=listener.spent)
    onset_ms = listener.now_ms + (LEAD_S + clip.onset_s) * 1000
    verdicts = interrupts(listener, pcm(scene))
    for kind, cause, at_ms in verdicts:
        after_ms = at_ms - onset_ms
        heard.causes.append(f"{kind}:{cause}")
        if kind in ("duck", "cancel") and heard.duck_ms is None and after_ms >= -EARLY_MS:
            heard.duck_ms = after_ms
        heard.ducked |= kind == "duck"
        if kind == "cancel":
            heard.false_start = after_ms < -EARLY_MS
            heard.yielded = clip.expect == "ignore" or not heard.false_start
            heard.decision_ms = after_ms if heard.yielded else None
        elif kind == "release" and clip.expect == "ignore" and heard.decision_ms is None and after_ms >= -EARLY_MS:
            heard.decision_ms = after_ms
    return heard


def interrupts(listener: Listener, heard: bytes, reply: int = 1) -> list[tuple[str, str, float]]:
    """Return (kind, cause, at ms) of the verdicts while this reply is heard, up to the one that cancels it."""
    verdicts: list[tuple[str, str, float]] = []
    for number, start in enumerate(range(0, len(heard), FRAME_BYTES)):
        playhead = audio.Playhead(reply=reply, position=number * REPLY_FRAME_SAMPLES)
        found = [named(decided) for decided in listener.hear(heard[start : start + FRAME_BYTES], playhead)]
        verdicts += [verdict for verdict in found if verdict is not None]
        if any(kind == "cancel" for kind, _, _ in verdicts):
            break
    return verdicts


def named(decided: Decided) -> tuple[str, str, float] | None:
    """Return (kind, cause, at ms) of a verdict, else None."""
    if not isinstance(decided.event, session_pb2.Interrupt):
        return None
    kind = Kind.Kind.Name(decided.event.kind).removeprefix("KIND_").lower()
    cause = Kind.Cause.Name(decided.event.cause).removeprefix("CAUSE_").lower()
    return kind, cause, decided.at_ms
