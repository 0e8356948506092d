"""Redaction: what a model's server says of a fault has no secrets, one line, and an end."""

from __future__ import annotations

import time
from typing import Any

import pytest

from services.broker.redaction import MARK, MOST, Redaction
from services.broker.servers.server import Auth, Server, shown

KEY = "hunter2-0123456789"


@pytest.mark.parametrize(
    ("said", "struck"),
    [
        (f"Incorrect API key provided: {KEY}.", f"Incorrect API key provided: {MARK}."),
        ("Incorrect API key provided: sk-proj-********wxyz.", f"Incorrect API key provided: {MARK}"),
        ("No such key: abcd****wxyz", f"No such key: {MARK}"),
        ("got Authorization: Bearer abc.def", f"got Authorization: Bearer {MARK}"),
        ("got 'basic dXNlcjpwYXNz'", f"got 'basic {MARK}'"),
        ("Bearer authentication is wanted", "Bearer authentication is wanted"),
        ("no eyJhbGciOiJIUzI1NiJ9.e30.abc-_ taken", f"no {MARK} taken"),
        ("see https://h.example/v1?api-key=x&a=b now", "see https://h.example/v1 now"),
        ("see https://me:pass@h.example/v1", f"see https://{MARK}@h.example/v1"),
        ("api_key=abcdef is unknown", f"api_key={MARK} is unknown"),
        ("a key that was cut: hunter2-01", f"a key that was cut: {MARK}"),
        ("two\nlines\r\nand\x1b[31m red", "two lines and [31m red"),
        (
            "Please try again in 1.3s. Visit https://h.example/a.",
            "Please try again in 1.3s. Visit https://h.example/a.",
        ),
        ("the task is risk-free", "the task is risk-free"),
    ],
)
def test_what_may_be_a_secret_is_struck(said: str, struck: str) -> None:
    """Ours in any case, and whatever looks like one; the rest stays as it was said."""
    assert Redaction([KEY]).words(said) == struck


def test_a_secret_is_known_as_it_goes_into_an_address() -> None:
    """Percent-encoded; and a short one only as a word."""
    assert Redaction(["a/b+c=d"]).words("at /x/a%2Fb%2Bc%3Dd") == f"at /x/{MARK}"
    assert Redaction(["k"]).words("k is no key") == f"{MARK} is no key"
    assert Redaction().words("nothing to hide") == "nothing to hide"


def test_words_without_end_are_bounded() -> None:
    """And cost next to nothing, whatever they are made of."""
    for piece in ("x", "-", "*", "sk-", "a://", "Bearer ", "key=", "hunter2-"):
        began_s = time.process_time()
        assert len(Redaction([KEY]).words(piece * 1_000_000)) <= MOST
        assert time.process_time() - began_s < 1


def test_errors_are_struck_wherever_they_stand_in_an_event() -> None:
    """In one of their own, and in a response that failed; all else stays, the id of our event too."""
    redaction = Redaction([KEY])
    error: dict[str, Any] = {"type": "x", "code": None, "message": f"no {KEY}", "param": KEY, "event_id": KEY}
    told = {"type": "x", "code": None, "message": f"no {MARK}", "param": MARK, "event_id": KEY}
    assert redaction.event({"type": "error", "error": error}) == {"type": "error", "error": told}
    failed = {"id": "r", "status_details": {"type": "failed", "error": error}}
    done = redaction.event({"type": "response.done", "response": failed})
    assert done["response"] == {"id": "r", "status_details": {"type": "failed", "error": told}}
    for event in ({"type": "x"}, {"error": KEY}, {"response": {"status_details": None}}):
        assert redaction.event(event) == event


def test_a_servers_secrets_are_whatever_it_is_shown() -> None:
    """In headers, in the address and encoded; what only describes the call is none."""
    headers = {"X-Api-Key": "from-profile", "OpenAI-Beta": "realtime=v1"}
    basic = Server("wss://me:pa%2Fss@h/v1?sig=q1&api-version=2", key="user:word", auth=Auth.BASIC, headers=headers)
    assert basic.secrets == {"from-profile", "pa/ss", "q1", "user:word", "word", "dXNlcjp3b3Jk"}
    assert Server("ws://h/").secrets == frozenset()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("wss://me:pw@h.example:1/v1?key=1#2", "wss://h.example:1/v1"),
        ("h.example/v1?key=1", "h.example/v1"),
        ("ws://me:pw@[::1/v1?key=1", "[::1/v1"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_what_may_be_a_key(url: str, place: str) -> None:
    """Also one that is none."""
    assert shown(url) == place
