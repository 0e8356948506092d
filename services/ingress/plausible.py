"""Plausible: what a client may say at all. Each check raises ProtocolFault for what nobody can mean."""

from __future__ import annotations

import uuid
from typing import Final

from parley.v1 import conversation_service_pb2 as client
from services.common.errors import ProtocolFault

MAX_TEXT: Final = 4_000
"""Characters typed at once."""

MAX_NAME: Final = 64

_MAX_SAMPLES: Final = 1 << 53
_MAX_SEQ: Final = 1 << 53


def plausible_samples(samples: int) -> int:
    """Return a client's count of samples, unless no clock reaches it."""
    if samples > _MAX_SAMPLES:
        raise ProtocolFault(f"a position or mic_offset of {samples} samples; count from the start of reply or session.")
    return samples


def plausible_seq(seq: int) -> int:
    """Return the highest number that a client says it has seen, unless no server counts so far."""
    if seq > _MAX_SEQ:
        raise ProtocolFault(f"a seq of {seq}; when resuming, tell the highest that came in a duck, release or flush.")
    return seq


def plausible_words(say: client.Say) -> client.Say:
    """Return what was typed, with a name if it has none, unless it is nothing or too much."""
    if not 0 < len(say.text.strip()) <= MAX_TEXT:
        raise ProtocolFault(f"say takes 1 to {MAX_TEXT} characters of text; these are {len(say.text.strip())}.")
    if len(say.id) > MAX_NAME or not say.id.isprintable():
        raise ProtocolFault(f"the id of a say takes up to {MAX_NAME} printable characters; leave it out if need be.")
    say.id = say.id or uuid.uuid4().hex
    return say
