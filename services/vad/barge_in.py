"""Barge-in: the interruption rule at work in a conversation, and what it remembers of the reply's last second.

It hears every frame, so that loudness is known, and judges only while the assistant thinks or speaks.
"""

from __future__ import annotations

from typing import Final

from parley.v1 import audio_pb2 as audio
from services.vad.interruption import InterruptionRule, Listener, Verdict, Why
from services.vad.interruption_settings import InterruptionSettings
from services.vad.loudness import Loudness
from services.vad.memory import MicMemory
from services.vad.voice import BYTES_PER_SAMPLE, SAMPLES_PER_MS, VoiceWindow

_FRAME_BYTES: Final = 640
_LEAD_IN_SAMPLES: Final = 800 * SAMPLES_PER_MS
_LAST_SECOND_SAMPLES: Final = 1_000 * SAMPLES_PER_MS


class BargeIn:
    """One conversation's. Frames go in with `hear`, windows with `judge` or `listen`."""

    def __init__(self, listener: Listener, settings: InterruptionSettings) -> None:
        self.loudness = Loudness()
        self._rule = InterruptionRule(listener, self.loudness, settings)
        self._is_judging = False
        self._released: tuple[int, int] | None = None

    def hear(self, pcm: bytes, echo: audio.EchoState | None) -> None:
        """Take a frame of 20 ms and, where ingress sees to echo, what it says of it."""
        self.loudness.feed(pcm)
        if self._is_judging:
            self._rule.hear(pcm, echo.residual_db if echo is not None else None)

    def begin(self, memory: MicMemory) -> None:
        """The assistant has the floor now. A word may have begun just before: hear again what came."""
        self._is_judging = True
        since = max(memory.end - _LEAD_IN_SAMPLES, memory.start)
        pcm = memory.slice(since, memory.end)
        pcm = pcm[len(pcm) % _FRAME_BYTES :]
        self._rule.reset(memory.end - len(pcm) // BYTES_PER_SAMPLE)
        for start in range(0, len(pcm), _FRAME_BYTES):
            self._rule.hear(pcm[start : start + _FRAME_BYTES])

    def end(self) -> None:
        """Somebody else has it."""
        self._is_judging = False

    def judge(self, window: VoiceWindow) -> Verdict | None:
        """Take a window over a reply, or while one is awaited."""
        verdict = self._rule.feed(window)
        if verdict is not None and verdict.why is Why.BACKCHANNEL:
            self._released = (verdict.onset_sample, verdict.at_sample)
        return verdict

    def listen(self, window: VoiceWindow) -> None:
        """Take a window while the person has the floor: this is how loud they are."""
        if window.probability >= 0.5:
            self.loudness.spoke()

    def forget(self) -> None:
        """What was released has nothing to do with what comes."""
        self._released = None

    def last_word(self, now: int) -> tuple[int, int] | None:
        """Return, once, from where to where a word was spoken that was released within the last second."""
        released, self._released = self._released, None
        return released if released is not None and now - released[1] < _LAST_SECOND_SAMPLES else None
