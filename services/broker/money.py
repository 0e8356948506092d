"""Money: what a model has used, by its own count, and what that costs by a price table.

Sums are exact: a price for a million tokens is the price of one in millionths, so cost in millionths of the currency is
tokens times price, rounded once, at the end.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cache
from typing import Any, Final

from parley.v1 import session_pb2 as wire
from services.common.errors import SettingsFault

log = logging.getLogger("parley.broker")

MOST: Final = 10**9
"""Tokens of one response, or milliseconds at once; a server that counts more counts nonsense, which costs nothing."""

TURNS_KEPT: Final = 256
"""Turns whose own figures are kept; older ones stay in the session's."""

TOKEN_MS: Final = 100
"""What one token of a person's audio stands for (OpenAI's guide on Realtime costs; recorded: 27 tokens for 2.8 s)."""

_COUNTS: Final = (
    "text_in",
    "text_cached",
    "text_out",
    "audio_in",
    "audio_cached",
    "audio_out",
    "transcribed_ms",
    "connected_ms",
)


@dataclass(frozen=True)
class Prices:
    """Of one model, each for a million tokens, in US dollars unless `currency` says otherwise. 0 costs nothing.

    Raises SettingsFault for a price below 0, or one that is no number.
    """

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

    def __post_init__(self) -> None:
        for name, price in self.by_name().items():
            if not (math.isfinite(price) and price >= 0):
                raise SettingsFault(f"the price {name} must be a number from 0, not {price!r}.")

    def by_name(self) -> dict[str, float]:
        """Return each price under its name."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "currency"}

    @property
    def are_known(self) -> bool:
        """True when anything costs anything."""
        return any(self.by_name().values())


def cost_micros(usage: wire.Usage, prices: Prices) -> int:
    """Return what a usage costs in millionths of the currency, rounded; its own `cost_micros` is not looked at."""
    return math.floor(sum((getattr(usage, name) * rate for name, rate in _rates(prices)), Fraction(1, 2)))


@cache
def _rates(prices: Prices) -> tuple[tuple[str, Fraction], ...]:
    """Return what one of each costs in millionths, where it costs anything: it is asked for at every tick."""
    tokens = {name: Fraction(str(price)) for name, price in prices.by_name().items() if name in _COUNTS}
    minutes = {"transcribed_ms": prices.transcribed_minute, "connected_ms": prices.connected_minute}
    rates = tokens | {name: Fraction(str(price)) * 1_000_000 / 60_000 for name, price in minutes.items()}
    return tuple((name, rate) for name, rate in rates.items() if rate)


def amount(micros: int) -> str:
    """Write millionths of a currency as a decimal number: 41300 is "0.041300"."""
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def in_words(usage: wire.Usage) -> str:
    """Return what was used, for a log: "audio_in 24, audio_out 130"."""
    used = (f"{name} {count}" for name in _COUNTS if (count := getattr(usage, name)))
    return ", ".join(used) or "nothing"


def usage_of(event: Mapping[str, Any]) -> object:
    """Return the `usage` of a `response.done`: the response's own, or beside it, where some servers put it."""
    response = event.get("response")
    inside = response.get("usage") if isinstance(response, Mapping) else None
    return event.get("usage") if inside is None else inside


def parse_usage(usage: object) -> wire.Usage:
    """Return what a response used, from its GA `usage`, whatever of that is missing or nonsense.

    Cached tokens are among the input's: they are taken out of it. Where a server doesn't say which were cached, text
    and audio share them by their size. What is said to be neither text nor audio (images, a bare total) is text.
    """
    told = _mapping(usage)
    details, out = _mapping(told.get("input_token_details")), _mapping(told.get("output_token_details"))
    audio, audio_out = _count(details, "audio_tokens"), _count(out, "audio_tokens")
    text = _rest(told, "input_tokens", details, audio) + _count(details, "image_tokens")
    cached_text, cached_audio = _cached(details, text, audio)
    return wire.Usage(
        text_in=text - cached_text,
        text_cached=cached_text,
        text_out=_rest(told, "output_tokens", out, audio_out),
        audio_in=audio - cached_audio,
        audio_cached=cached_audio,
        audio_out=audio_out,
    )


def parse_transcription(usage: object) -> wire.Usage:
    """Return what writing down a turn used. Where that is counted in tokens, each of audio is `TOKEN_MS` of it."""
    told = _mapping(usage)
    seconds = told.get("seconds")
    if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 <= seconds * 1000 <= MOST:
        return wire.Usage(transcribed_ms=round(seconds * 1000))
    details = _mapping(told.get("input_token_details"))
    tokens = _count(details, "audio_tokens") or _count(told, "input_tokens") - _count(details, "text_tokens")
    return wire.Usage(transcribed_ms=min(max(tokens, 0) * TOKEN_MS, MOST))


class Ledger:
    """What one session has used, turn by turn. `carried` is what it had used before a broker took it over."""

    def __init__(self, prices: Prices, model: str = "", carried: wire.Usage | None = None) -> None:
        self._prices = prices
        self._model = model
        self._total = wire.Usage()
        self._carried = carried.cost_micros if carried is not None else 0
        self._before = carried.SerializeToString() if carried is not None else b""
        self._turns: OrderedDict[int, wire.Usage] = OrderedDict()

    @property
    def currency(self) -> str:
        """What costs are in."""
        return self._prices.currency

    @property
    def cost_micros(self) -> int:
        """What the session has cost so far."""
        return self._carried + cost_micros(self._total, self._prices)

    @property
    def total(self) -> wire.Usage:
        """The session's usage and cost so far."""
        total = wire.Usage.FromString(self._before)
        _add(total, self._total)
        total.cost_micros = self.cost_micros
        return total

    def of_turn(self, turn: int) -> wire.Usage:
        """Return a turn's usage and cost so far; nothing for one that is unknown, or too long ago."""
        used = wire.Usage()
        used.CopyFrom(self._turns.get(turn, used))
        used.cost_micros = cost_micros(used, self._prices)
        return used

    def responded(self, usage: object, turn: int = 0) -> wire.Usage:
        """Count the `usage` of a response, whatever became of it; return it, with its cost. Turn 0 is none."""
        return self._enter(parse_usage(usage), turn)

    def transcribed(self, usage: object, turn: int = 0) -> wire.Usage:
        """Count the `usage` of a transcription; return it, with its cost."""
        return self._enter(parse_transcription(usage), turn)

    def connected(self, seconds: float) -> wire.Usage:
        """Count time connected, since the last count, where that is what is charged for; return it, with its cost."""
        known = math.isfinite(seconds) and 0 <= seconds * 1000 <= MOST
        return self._enter(wire.Usage(connected_ms=round(seconds * 1000) if known else 0), 0)

    def _enter(self, used: wire.Usage, turn: int) -> wire.Usage:
        _add(self._total, used)
        if turn:
            _add(self._turns.setdefault(turn, wire.Usage()), used)
            self._turns.move_to_end(turn)
            if len(self._turns) > TURNS_KEPT:
                self._turns.popitem(last=False)
        if not self._prices.are_known:
            _tell_of_no_prices(self._model)
        used.cost_micros = cost_micros(used, self._prices)
        return used


@cache
def _tell_of_no_prices(model: str) -> None:
    log.info("there are no prices for the model %s: what it costs is counted as 0", model or "in use")


def _add(total: wire.Usage, used: wire.Usage) -> None:
    for name in _COUNTS:
        setattr(total, name, getattr(total, name) + getattr(used, name))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(told: Mapping[str, Any], name: str) -> int:
    """Return a number of tokens; 0 for one that can be none."""
    value = told.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST else 0


def _rest(told: Mapping[str, Any], name: str, details: Mapping[str, Any], audio: int) -> int:
    """Return the text tokens: what is called so, or what the sum leaves of all the tokens."""
    text, images = _count(details, "text_tokens"), _count(details, "image_tokens")
    return max(text, _count(told, name) - audio - images)


def _cached(details: Mapping[str, Any], text: int, audio: int) -> tuple[int, int]:
    """Return how much of the text and of the audio was cached."""
    parts = _mapping(details.get("cached_tokens_details"))
    cached_text = _count(parts, "text_tokens") + _count(parts, "image_tokens")
    cached_audio = _count(parts, "audio_tokens")
    cached = min(_count(details, "cached_tokens"), text + audio)
    if not cached_text and not cached_audio and cached:
        cached_audio = cached * audio // (text + audio)
        cached_text = cached - cached_audio
    return min(cached_text, text), min(cached_audio, audio)
