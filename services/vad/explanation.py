"""Explanation: a verdict of the ear in one line for the log: why a reply stopped, or did not.

No words that were said stand in it, unless the operator wants them there: then also the one that interrupted.
"""

from __future__ import annotations

from parley.v1 import session_pb2 as wire
from services.vad.voice import SAMPLES_PER_MS


def in_words(verdict: wire.Interrupt, *, tells_word: bool = False) -> str:
    """Return what was decided, how long after the onset, and what it rests on."""
    kind = wire.Interrupt.Kind.Name(verdict.kind).removeprefix("KIND_").lower()
    cause = wire.Interrupt.Cause.Name(verdict.cause).removeprefix("CAUSE_").lower()
    after_ms = max(verdict.decided_offset - verdict.onset_offset, 0) // SAMPLES_PER_MS
    line = f"verdict {verdict.seq}: {kind} ({cause}) {after_ms} ms after the onset, reply {verdict.playhead.reply}"
    if not verdict.HasField("evidence"):
        return line
    seen = verdict.evidence
    line += f", {seen.clarity_db:.0f} dB over the room"
    if not seen.command + seen.phrase + seen.backchannel + seen.noise:
        return line
    word = f" {seen.word!r}" if seen.word and tells_word else ""
    return (
        f"{line}; sure {seen.confidence:.2f}: command{word} {seen.command:.2f}, phrase {seen.phrase:.2f}, "
        f"backchannel {seen.backchannel:.2f}, noise {seen.noise:.2f}"
    )
