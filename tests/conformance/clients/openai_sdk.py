"""Every scenario of the official `openai` SDK: `python -m tests.conformance.clients.openai_sdk URL SPEECH …`."""

from __future__ import annotations

from tests.conformance.clients import openai_events as events
from tests.conformance.clients import openai_turns as turns
from tests.conformance.clients.stage import play

if __name__ == "__main__":
    play(
        turns.typed,
        turns.typed_and_spoken,
        turns.manual,
        turns.server_vad,
        turns.semantic_vad,
        turns.interrupted,
        events.tool,
        events.out_of_band,
        events.cancelled,
        events.truncated,
        events.transcription,
        events.refused,
    )
