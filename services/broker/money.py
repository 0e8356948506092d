"""Money: what a model's use costs by a price table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Prices:
    """Of one model, each for a million tokens, in US dollars unless `currency` says otherwise. 0 costs nothing."""

    text_in: float = 0.0
    text_cached: float = 0.0
    text_out: float = 0.0
    audio_in: float = 0.0
    audio_cached: float = 0.0
    audio_out: float = 0.0
    transcribed_minute: float = 0.0
    """For a minute of audio written down."""
    connected_minute: float = 0.0
    """For a minute of the connection, where that is what is charged for."""
    currency: str = "USD"
