"""ModelEar: what the model's own voice activity detection said last, where it listens all the time.

Its word comes late, over a network, and may be about a pause that has passed. So what counts is where on the
microphone's clock it heard the end: an end before the person's last speech is none.
"""

from __future__ import annotations

from typing import Final

from parley.v1 import broker_service_pb2 as broker
from services.vad.voice import SAMPLES_PER_MS

SLACK_SAMPLES: Final = 200 * SAMPLES_PER_MS
"""Two ears never agree on a last syllable; and some servers tell where speech ended, others where they noticed it."""


class ModelEar:
    """One conversation's. Offsets are samples of the microphone's clock."""

    def __init__(self) -> None:
        self._stopped: int | None = None

    def take(self, boundary: broker.ModelBoundary, now: int) -> None:
        """Take a boundary at sample `now`; one in the future is a fault of the server's, and means now."""
        if boundary.kind == broker.ModelBoundary.KIND_SPEECH_STOPPED:
            self._stopped = min(boundary.mic_offset, now)
        elif boundary.kind == broker.ModelBoundary.KIND_SPEECH_STARTED:
            self._stopped = None

    def has_stopped_since(self, last_speech: int) -> bool:
        """Say whether it has heard an end, and nothing after it, in the pause since `last_speech`."""
        return self._stopped is not None and self._stopped >= last_speech - SLACK_SAMPLES
