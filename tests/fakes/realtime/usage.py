"""What a response has used, by the service's own rules: a token per 100 ms heard, per 50 ms said, per four letters."""

from __future__ import annotations

from tests.fakes.position_code import RATE_HZ
from tests.fakes.realtime.conversation import Conversation, Item
from tests.fakes.realtime.wire import Event

_HEARD_MS = 100
_SAID_MS = 50
_LETTERS = 4
_CACHE_BLOCK = 64
"""The cache holds whole blocks of the beginning."""


def response_usage(session: Event, conversation: Conversation, output: list[Item], cached: bool) -> Event:
    """Count a response's tokens; with `cached` as much of its input as may be came from the cache."""
    said = {item.id for item in output}
    items = [item for item in conversation.items.values() if item.id not in said]
    text_in = len(str(session["instructions"]) + str(session["tools"])) // _LETTERS + sum(map(_text_tokens, items))
    audio_in = sum(map(_audio_tokens, items))
    text_out, audio_out = sum(map(_text_tokens, output)), sum(map(_audio_tokens, output))
    text_cached = text_in // _CACHE_BLOCK * _CACHE_BLOCK if cached else 0
    audio_cached = audio_in // _CACHE_BLOCK * _CACHE_BLOCK if cached else 0
    return {
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "input_tokens": text_in + audio_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": audio_in,
            "image_tokens": 0,
            "cached_tokens": text_cached + audio_cached,
            "cached_tokens_details": {"text_tokens": text_cached, "audio_tokens": audio_cached, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }


def transcription_usage(model: str, text: str, samples: int) -> Event:
    """Count what a transcript has cost: by the second, or by the token with the older models."""
    seconds = samples / RATE_HZ
    if not model.startswith("gpt-4o"):
        return {"type": "duration", "seconds": seconds}
    audio, words = round(seconds * 1000 / _HEARD_MS), -(-len(text) // _LETTERS)
    details = {"audio_tokens": audio, "text_tokens": 0}
    tokens = {"input_tokens": audio, "output_tokens": words, "total_tokens": audio + words}
    return {"type": "tokens", **tokens, "input_token_details": details}


def _audio_tokens(item: Item) -> int:
    if item.generated_samples:
        return item.believed_samples * 1000 // RATE_HZ // _SAID_MS
    return len(item.audio) // 2 * 1000 // RATE_HZ // _HEARD_MS


def _text_tokens(item: Item) -> int:
    told = [str(item.wire.get(name, "")) for name in ("name", "arguments", "output")]
    words = "".join(word.text for word in item.words) if item.generated_samples else item.text if not item.audio else ""
    return -(-len("".join(told) + words) // _LETTERS)
