"""Plausible: what a client may say at all. Each check raises ProtocolFault for what nobody can mean."""

from __future__ import annotations

from typing import Final

from parley.v1 import conversation_service_pb2 as client
from services.common.errors import ProtocolFault

MAX_TEXT: Final = 4_000
"""Characters typed at once."""

_MAX_SAMPLES: Final = 1 << 53


def plausible_samples(samples: int) -> int:
    """Return a client's count of samples, unless no clock reaches it."""
    if samples > _MAX_SAMPLES:
        raise ProtocolFault(f"a position or mic_offset of {samples} samples; count from the start of reply or session.")
    return samples


def plausible_words(say: client.Say) -> client.Say:
    """Return what was typed, unless it is nothing or too much."""
    if not 0 < len(say.text.strip()) <= MAX_TEXT:
        raise ProtocolFault(f"say takes 1 to {MAX_TEXT} characters of text; these are {len(say.text.strip())}.")
    return say
