"""ModelEar: what the model's own voice activity detection said last, where it listens all the time.

Its word comes late, over a network, and may be about a pause that has passed. So what counts is where on the
microphone's clock it heard the end: an end before the person's last speech is none.
"""

from __future__ import annotations

from typing import Final

from parley.v1 import broker_service_pb2 as broker
from services.vad.completeness import SEMANTIC_STOPPED, SILENCE_STOPPED
from services.vad.voice import SAMPLES_PER_MS

SLACK_SAMPLES: Final = 200 * SAMPLES_PER_MS
"""Two ears never agree on a last syllable; and some servers tell where speech ended, others where they noticed it."""


class ModelEar:
    """One conversation's. Offsets are samples of the microphone's clock."""

    def __init__(self) -> None:
        self._stopped: int | None = None
        self._worth = 0.0

    def take(self, boundary: broker.ModelBoundary, now: int) -> None:
        """Take a boundary at sample `now`; one in the future is a fault of the server's, and means now."""
        if boundary.kind == broker.ModelBoundary.KIND_SPEECH_STOPPED:
            self._stopped = min(boundary.mic_offset, now)
            self._worth = SEMANTIC_STOPPED if boundary.semantic else SILENCE_STOPPED
        elif boundary.kind == broker.ModelBoundary.KIND_SPEECH_STARTED:
            self._stopped = None

    def worth_since(self, last_speech: int) -> float:
        """Return the log odds of an end that it adds if it has heard one, and nothing after it, since `last_speech`."""
        has_stopped = self._stopped is not None and self._stopped >= last_speech - SLACK_SAMPLES
        return self._worth if has_stopped else 0.0
