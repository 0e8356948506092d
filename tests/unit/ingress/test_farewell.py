"""The last word: it always has words, and a code that says who ended the conversation."""

from __future__ import annotations

import pytest

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import stream_pb2
from services.broker.manner import SILENCE_S
from services.ingress.farewell import OVER, WORDS, code_of, counter_of, farewell
from services.ingress.limits import Limits

Reason = stream_pb2.Hangup.Reason
Code = client.Closed.Code


@pytest.mark.parametrize("code", Code.values())
def test_there_are_always_words(code: Code.ValueType) -> None:
    """Those that are given; else some for the code: a person is never left with a number."""
    assert farewell(code, " We close now. ").closed == client.Closed(reason="We close now.", code=code)
    assert farewell(code, " ").closed.reason == WORDS.get(code, OVER)


@pytest.mark.parametrize("reason", Reason.values())
def test_every_reason_of_the_broker_has_its_code_and_counter(reason: Reason.ValueType) -> None:
    """By the same name; one that is not said is counted, too."""
    name = Reason.Name(reason).removeprefix("REASON_")
    assert code_of(reason) == Code.Value(f"CODE_{name}")
    assert counter_of(reason) == ("hangup_other" if not reason else f"hangup_{name.lower()}")


def test_a_reason_of_a_newer_broker_is_an_end_all_the_same() -> None:
    """Without a code, and counted as another."""
    newer = stream_pb2.Hangup.FromString(bytes([8, 99])).reason
    assert code_of(newer) == client.Closed.CODE_UNSPECIFIED
    assert counter_of(newer) == "hangup_other"


def test_the_polite_end_comes_first() -> None:
    """Ingress' own limit on idle sessions is a net: by default the broker asks, waits and hangs up before."""
    assert Limits().max_idle_s > 4 * SILENCE_S
