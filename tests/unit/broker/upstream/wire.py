"""Every event that the core sends, and settings to make drivers of."""

from __future__ import annotations

from services.broker.model_settings import ModelSettings
from services.common.settings import Environment
from tests.fakes.realtime.wire import Event


def settings(**env: str) -> ModelSettings:
    """Read settings from these variables."""
    return ModelSettings.read(Environment(env))


TOOL: Event = {"type": "function", "name": "look_up", "description": "d", "parameters": {"type": "object"}}

SPOKEN: Event = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "So be it."}]}
SAID: Event = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}

CORE: list[Event] = [
    {"type": "input_audio_buffer.append", "audio": "AAAA"},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "conversation.item.create", "item": SAID},
    {"type": "conversation.item.create", "item": {"id": "mine", **SPOKEN}, "previous_item_id": "root"},
    {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "c", "output": "{}"}},
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call", "call_id": "c", "name": "look_up", "arguments": "{}"},
    },
    {"type": "conversation.item.delete", "item_id": "i"},
    {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 1234},
    {"type": "conversation.item.retrieve", "item_id": "i"},
    {"type": "response.create"},
    {"type": "response.create", "event_id": "e7", "response": {"metadata": {"reply": "7"}}},
    {
        "type": "response.create",
        "response": {
            "conversation": "none",
            "input": [SAID, SPOKEN],
            "instructions": "Say hello.",
            "output_modalities": ["audio"],
            "max_output_tokens": 400,
            "tools": [TOOL],
            "tool_choice": "none",
            "audio": {"output": {"voice": "marin"}},
            "metadata": {"reply": "8"},
        },
    },
    {"type": "response.create", "response": {"output_modalities": ["text"], "input": [], "conversation": "none"}},
    {"type": "response.cancel"},
    {"type": "response.cancel", "response_id": "r"},
]
"""Every event that the core sends, in the core's language."""
