"""Listener: the production ear before a clip. The one place here that builds what vad is made of.

Time is the sample clock: a frame has arrived when its last sample has, and what it leads to is decided when it has been
computed. Computing counts as CPU time, so that a busy machine judges no slower. A judgement of the end-of-turn model is
computed beside the frames, as production does it in a thread, and answers when it would have: frames go on meanwhile.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from parley.v1 import audio_pb2 as audio
from services.common.audio import FRAME_MS, MIC_FRAME_SAMPLES, SAMPLE_BYTES
from services.vad.content.listener import ContentListener, ContentModel
from services.vad.events import Event, Judge, TurnTakingSettings
from services.vad.silero import Silero, SileroModel
from services.vad.smart_turn import SmartTurn
from services.vad.turn_taking import TurnTaking
from services.vad.voice import VoiceWindow
from tests.eval.published import Published

FRAME_BYTES: Final = MIC_FRAME_SAMPLES * SAMPLE_BYTES


class Models:
    """What a process opens once, and all its conversations share."""

    def __init__(self) -> None:
        """Open the weights. Raises `WeightsError` if they are missing or damaged."""
        self.silero = SileroModel()
        self.smart_turn = SmartTurn()
        self.content = ContentModel()

    @cached_property
    def published(self) -> Published:
        """What the ear's judgement is measured against; opened at first use. Raises `WeightsError`."""
        return Published()

    def voice(self) -> Silero:
        """Return the voice activity of one conversation."""
        return Silero(self.silero)

    def complete(self, question: Judge) -> float | None:
        """Answer a Judge as production does."""
        return self.smart_turn.probability(question.pcm)

    def core(self, voice: Any, settings: TurnTakingSettings | None) -> TurnTaking:
        """Return the decision core of one conversation, as production makes it."""
        return TurnTaking("evaluation", 1, voice, ContentListener(self.content), settings)


@dataclass(frozen=True)
class Decided:
    """Something the core said, and when: ms since the conversation began, compute time included."""

    event: Event
    at_ms: float


@dataclass
class Spent:
    """CPU time of one conversation, in s, and how much sound it was for."""

    audio_s: float = 0.0
    core_s: float = 0.0
    judge_s: float = 0.0
    judgements: int = 0


class Listener:
    """One conversation. Give it frames of 20 ms; `finish` when no more come."""

    def __init__(self, models: Models, settings: TurnTakingSettings | None = None) -> None:
        self._models = models
        self._voice = models.voice()
        self.core = models.core(self, settings)
        self.windows: list[VoiceWindow] = []
        """What voice activity found."""
        self.spent = Spent()
        self._frames = 0
        self._pending: deque[tuple[float, Judge, float | None]] = deque()
        self._judge_free_ms = 0.0
        self._called_ms = self._called_s = 0.0

    @property
    def now_ms(self) -> float:
        """How much sound was heard."""
        return float(self._frames * FRAME_MS)

    @property
    def moment_ms(self) -> float:
        """The present moment within a call of the core: what came in, and the computing since."""
        return self._called_ms + (time.thread_time() - self._called_s) * 1000

    def feed(self, pcm: bytes) -> list[VoiceWindow]:
        """Be the core's voice activity, and remember what it found."""
        found = self._voice.feed(pcm)
        self.windows += found
        return found

    def hear(self, pcm: bytes, playhead: audio.Playhead | None = None) -> list[Decided]:
        """Take a frame, 640 bytes; return what was decided since the last."""
        arrived_ms = self.now_ms + FRAME_MS
        decided = self._answer(arrived_ms)
        frame = audio.AudioFrame(
            mic_offset=self._frames * MIC_FRAME_SAMPLES, pcm=pcm, playhead=playhead or audio.Playhead()
        )
        self._frames += 1
        self.spent.audio_s += FRAME_MS / 1000
        return decided + self._call(arrived_ms, self.core.feed, frame)

    def finish(self) -> list[Decided]:
        """Take what is still being judged."""
        return self._answer(float("inf"))

    def _answer(self, until_ms: float) -> list[Decided]:
        """Give the core the judgements that are done by then."""
        decided: list[Decided] = []
        while self._pending and self._pending[0][0] <= until_ms:
            at_ms, question, complete = self._pending.popleft()
            decided += self._call(at_ms, self.core.judged, question.turn, question.pause, complete)
        return decided

    def _call(self, at_ms: float, method: Callable[..., list[Event]], *args: Any) -> list[Decided]:
        """Call the core, and see what it took."""
        self._called_ms, self._called_s = at_ms, time.thread_time()
        events = method(*args)
        took_s = time.thread_time() - self._called_s
        self.spent.core_s += took_s
        at_ms += took_s * 1000
        for event in events:
            if isinstance(event, Judge):
                self._judge(event, at_ms)
        return [Decided(event, at_ms) for event in events]

    def _judge(self, question: Judge, at_ms: float) -> None:
        began_s = time.thread_time()
        complete = self._models.complete(question)
        took_s = time.thread_time() - began_s
        self.spent.judge_s += took_s
        self.spent.judgements += 1
        self._judge_free_ms = max(at_ms, self._judge_free_ms) + took_s * 1000
        self._pending.append((self._judge_free_ms, question, complete))
