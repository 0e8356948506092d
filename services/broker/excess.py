"""Excess: of a reply so much is kept that waits to be played. A model that says more is cut short, and what it has said
is played.
"""

from __future__ import annotations

import logging
from typing import Final

from services.broker.reply import Reply
from services.common.audio import REPLY_HZ

log = logging.getLogger("parley.broker")

MOST_S: Final = 600
"""29 MB. Nobody listens to an answer for so long; a model, or a speech synthesiser, that never stops gets there."""

_SOUND_AND_WORDS: Final = frozenset({"response.output_audio.delta", "response.output_audio_transcript.delta"})


def is_wanted(reply: Reply, kind: str) -> bool:
    """Say whether an event of a reply's is to be taken."""
    return not reply.is_cut_short or kind not in _SOUND_AND_WORDS


def cuts_short(reply: Reply) -> bool:
    """Say whether a reply has just become too long; from now on nothing more of it is taken."""
    if reply.is_cut_short or reply.is_dead or reply.received - reply.played <= MOST_S * REPLY_HZ:
        return False
    log.warning("the model is more than %d s ahead of what is heard of its reply: it is cut short", MOST_S)
    reply.is_cut_short = True
    return True
