"""Names of spans, stages, attributes and counters: the same words in code, logs, traces and docs."""

from __future__ import annotations

from typing import Final

# Stages of one turn, in the order of the ring; they name the children of the root span `turn` as well.
VAD_ENDPOINT: Final = "vad.endpoint"
BROKER_COMMIT: Final = "broker.commit"
MODEL_FIRST_AUDIO: Final = "model.first_audio"
EGRESS_FIRST_FRAME: Final = "egress.first_frame"
CLIENT_FIRST_SAMPLE: Final = "client.first_sample"
