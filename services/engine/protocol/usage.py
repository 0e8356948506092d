"""Usage: the tokens of a response, counted as OpenAI counts audio, and as the mind counted text where it said so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from services.engine.parts import ThoughtUsage
from services.engine.protocol.formats import RATE_HZ
from services.engine.protocol.item import Item

_USER_SAMPLES_PER_TOKEN: Final = RATE_HZ // 10  # OpenAI's count: a token for 100 ms of the user
_ASSISTANT_SAMPLES_PER_TOKEN: Final = RATE_HZ // 20  # and for 50 ms of the assistant
_CHARACTERS_PER_TOKEN: Final = 4


def spoken_tokens(samples: int) -> int:
    """Tokens of so much audio of the assistant's."""
    return -(-samples // _ASSISTANT_SAMPLES_PER_TOKEN)


def text_tokens(characters: int) -> int:
    """Tokens of so much text, about."""
    return -(-characters // _CHARACTERS_PER_TOKEN)


def input_tokens(context: Iterable[Item], instructions: str) -> tuple[int, int]:
    """Tokens of text and of audio that a response has to read."""
    text, audio = text_tokens(len(instructions)), 0
    for item in context:
        text += sum(text_tokens(len(value)) for value in item.call.values())
        for part in item.parts:
            size = _ASSISTANT_SAMPLES_PER_TOKEN if item.role == "assistant" else _USER_SAMPLES_PER_TOKEN
            audio += -(-part.samples // size)
            text += 0 if part.samples else text_tokens(len(part.text))
    return text, audio


def usage(read: tuple[int, int], written: tuple[int, int], thought: ThoughtUsage | None) -> dict[str, Any]:
    """The `usage` of a response that read and wrote so many tokens of text and of audio.

    A mind that counts for itself has read text only: what was heard had become text before.
    """
    text_in, audio_in = read
    text_out, audio_out = written
    cached = 0
    if thought is not None:
        text_in, audio_in, cached, text_out = thought.text_in, 0, thought.text_cached, thought.text_out
    return {
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "input_tokens": text_in + audio_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": audio_in,
            "image_tokens": 0,
            "cached_tokens": cached,
            "cached_tokens_details": {"text_tokens": cached, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }
