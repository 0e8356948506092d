"""Money: what a model used, from whatever it says of it, and what that costs."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeResponseUsage

from parley.v1 import session_pb2 as wire
from services.broker import money
from services.broker.money import (
    TURNS_KEPT,
    Ledger,
    Prices,
    amount,
    cost_micros,
    in_words,
    parse_transcription,
    parse_usage,
)
from services.common.errors import SettingsFault

PRICES = Prices(
    text_in=4, text_cached=0.4, text_out=24, audio_in=32, audio_cached=0.4, audio_out=64, transcribed_minute=0.0045
)

GA: dict[str, Any] = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119,
        "audio_tokens": 13,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 60, "audio_tokens": 4, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}

counts = st.integers(0, 10**6)
usages = st.builds(
    wire.Usage,
    text_in=counts,
    text_cached=counts,
    text_out=counts,
    audio_in=counts,
    audio_cached=counts,
    audio_out=counts,
    transcribed_ms=counts,
    connected_ms=counts,
)
price = st.floats(0, 1000, allow_nan=False, allow_infinity=False)
tables = st.builds(Prices, price, price, price, price, price, price, price, price)
NAMES = sorted({*GA, *GA["input_token_details"], *GA["output_token_details"], "seconds", "type"})
garbage = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=8),
    max_leaves=20,
)


# What a server says.


def test_a_usage_is_taken_apart() -> None:
    """Cached tokens are among the input's: each is counted once, at its own price."""
    RealtimeResponseUsage.model_validate(GA)
    used = parse_usage(GA)
    assert used == wire.Usage(text_in=59, text_cached=60, text_out=30, audio_in=9, audio_cached=4, audio_out=91)


def test_cached_tokens_without_details_are_shared_by_size() -> None:
    """Nothing says what they were; 64 of 119 and 13 are 6 of audio, rounded down, and 58 of text."""
    details = {**GA["input_token_details"]}
    del details["cached_tokens_details"]
    used = parse_usage({**GA, "input_token_details": details})
    assert (used.text_in, used.text_cached, used.audio_in, used.audio_cached) == (61, 58, 7, 6)


def test_totals_alone_are_text() -> None:
    """A server that speaks of tokens without saying of what kind is charged for text."""
    assert parse_usage({"input_tokens": 7, "output_tokens": 5}) == wire.Usage(text_in=7, text_out=5)


def test_images_are_charged_as_text() -> None:
    """They have no price of their own, and are not forgotten."""
    details = {"text_tokens": 10, "audio_tokens": 5, "image_tokens": 3}
    assert parse_usage({"input_tokens": 18, "input_token_details": details}) == wire.Usage(text_in=13, audio_in=5)


@pytest.mark.parametrize("usage", [None, [], "12", {}, {"input_tokens": -5}, {"output_tokens": 10**30}, {"x": 1}])
def test_nonsense_costs_nothing(usage: object) -> None:
    """A response that was cancelled or failed may have no usage; a bug in a server may have any."""
    assert parse_usage(usage) == wire.Usage()
    assert parse_transcription(usage) == wire.Usage()


@given(garbage)
def test_no_usage_breaks_the_books(usage: object) -> None:
    """Whatever a server sends, nothing is raised, no figure is negative and more cached than there was."""
    used = parse_usage(usage)
    used.MergeFrom(parse_transcription(usage))
    assert cost_micros(used, PRICES) >= 0


def test_a_usage_stands_in_the_response_or_beside_it() -> None:
    """The one inside counts where there are both."""
    assert money.usage_of({"response": {"usage": GA}, "usage": {}}) == GA
    assert money.usage_of({"response": {"usage": None}, "usage": GA}) == GA
    assert money.usage_of({"response": "?"}) is None


def test_transcription_counts_time_or_tokens() -> None:
    """Ten tokens of audio are a second of it."""
    tokens = {"type": "tokens", "input_tokens": 27, "output_tokens": 9, "total_tokens": 36}
    assert parse_transcription({"type": "duration", "seconds": 2.8}).transcribed_ms == 2_800
    assert parse_transcription(tokens).transcribed_ms == 2_700
    split = {**tokens, "input_token_details": {"audio_tokens": 20, "text_tokens": 7}}
    assert parse_transcription(split).transcribed_ms == 2_000


# What it costs.


def test_a_cost_is_tokens_times_price() -> None:
    """59 × 4 + 60 × 0.4 + 30 × 24 + 9 × 32 + 4 × 0.4 + 91 × 64 millionths, to the nearest."""
    assert cost_micros(parse_usage(GA), PRICES) == 7_094


def test_minutes_have_their_price() -> None:
    """A minute written down at 0.0045, half a minute connected at 0.05."""
    prices = Prices(transcribed_minute=0.0045, connected_minute=0.05)
    assert cost_micros(wire.Usage(transcribed_ms=60_000, connected_ms=30_000), prices) == 4_500 + 25_000


@given(usages, usages, tables)
def test_costs_add_up(one: wire.Usage, other: wire.Usage, prices: Prices) -> None:
    """Never negative, never less for more, and the cost of a sum is the sum of the costs, but for one rounding."""
    both = wire.Usage()
    for name in ("text_in", "text_cached", "text_out", "audio_in", "audio_cached", "audio_out"):
        setattr(both, name, getattr(one, name) + getattr(other, name))
    both.transcribed_ms = one.transcribed_ms + other.transcribed_ms
    both.connected_ms = one.connected_ms + other.connected_ms
    apart = cost_micros(one, prices), cost_micros(other, prices)
    assert min(apart) >= 0
    assert cost_micros(both, prices) >= max(apart)
    assert abs(cost_micros(both, prices) - sum(apart)) <= 1


@pytest.mark.parametrize("wrong", [-0.1, float("nan"), float("inf")])
def test_a_price_is_a_number_from_0(wrong: float) -> None:
    """The fault names it."""
    with pytest.raises(SettingsFault, match="the price audio_out"):
        Prices(audio_out=wrong)


def test_an_amount_has_six_places() -> None:
    """As a string, so that no reader's floating point changes it."""
    assert [amount(micros) for micros in (0, 41_300, 12_000_001)] == ["0.000000", "0.041300", "12.000001"]


# The books of a session.


def test_turns_add_up_to_the_session() -> None:
    """Responses, transcriptions and time; what belongs to no turn stands in the total only."""
    ledger = Ledger(PRICES)
    ledger.responded(GA, turn=1)
    ledger.responded(GA, turn=1)
    ledger.transcribed({"type": "duration", "seconds": 60}, turn=2)
    ledger.responded(GA)
    ledger.connected(1.5)
    assert (ledger.of_turn(1).audio_out, ledger.of_turn(2).transcribed_ms) == (182, 60_000)
    assert ledger.of_turn(2).cost_micros == 4_500
    assert (ledger.total.audio_out, ledger.total.connected_ms) == (273, 1_500)
    # Three times 7093.6 and 4500, rounded once.
    assert ledger.total.cost_micros == 25_781
    assert ledger.of_turn(9) == wire.Usage()


def test_a_session_taken_over_goes_on_counting() -> None:
    """What the record holds is carried on, its cost too, even at other prices."""
    carried = wire.Usage(audio_out=1_000, cost_micros=64_000)
    ledger = Ledger(Prices(audio_out=1), carried=carried)
    assert ledger.total == carried
    ledger.responded({"output_tokens": 10, "output_token_details": {"audio_tokens": 10}})
    assert (ledger.total.audio_out, ledger.total.cost_micros) == (1_010, 64_010)


def test_old_turns_are_forgotten_and_their_cost_is_not() -> None:
    """A session of any length keeps the figures of its last turns only."""
    ledger = Ledger(PRICES)
    for turn in range(1, TURNS_KEPT + 3):
        ledger.responded({"output_tokens": 1}, turn)
    assert [ledger.of_turn(turn).text_out for turn in (1, 2, 3, TURNS_KEPT + 2)] == [0, 0, 1, 1]
    assert ledger.total.text_out == TURNS_KEPT + 2


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), 1e12])
def test_time_that_cannot_be_is_not_charged(seconds: float) -> None:
    """A clock that went wrong costs nobody money."""
    assert Ledger(PRICES).connected(seconds) == wire.Usage()


def test_a_model_without_prices_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    """However many sessions it has."""
    caplog.set_level(logging.INFO, "parley.broker")
    for _ in range(2):
        ledger = Ledger(Prices(), model="nameless-1")
        ledger.responded(GA, turn=1)
        assert ledger.total.cost_micros == 0
    assert [record.getMessage() for record in caplog.records] == [
        "there are no prices for the model nameless-1: what it costs is counted as 0"
    ]


def test_what_was_used_in_words() -> None:
    """A log names what was used, and nothing else."""
    assert in_words(wire.Usage(audio_in=24, transcribed_ms=1300, cost_micros=5)) == "audio_in 24, transcribed_ms 1300"
    assert in_words(wire.Usage()) == "nothing"
