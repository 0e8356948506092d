"""Faults of the model: what each end and each refusal means, and whether trying again may help."""

from __future__ import annotations

import pytest

from services.broker.faults import ModelRefused, closing, ending, error_in, refusal
from services.common.errors import ModelFault

PLACE = "wss://h/v1/realtime"
FATAL = ["insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached", "invalid_api_key"]


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1005, 1006, 1009, 1011, 1012, 1013, 1015, 3000])
def test_a_socket_that_ends_is_a_model_that_left(code: int) -> None:
    """Whatever the code, the clean ones too: at 60 minutes OpenAI closes with 1001. Another call may help."""
    fault = closing(code, "bye")
    assert (type(fault), fault.retryable) == (ModelFault, True)
    assert f"code {code}: bye" in fault.detail


@pytest.mark.parametrize("code", [1003, 1007, 1008, 1010, 4000, 4001, 4999])
def test_a_close_that_blames_us_would_be_repeated(code: int) -> None:
    """4000 is OpenAI's for the shape of the beta."""
    fault = closing(code, "")
    assert (type(fault), fault.retryable) == (ModelRefused, False)
    assert f"(code {code})" in fault.detail


def test_a_reason_that_is_fatal_is_believed() -> None:
    """Where the code says nothing."""
    assert not closing(1011, "insufficient_quota").retryable


@pytest.mark.parametrize("where", ["code", "type"])
@pytest.mark.parametrize("word", [*FATAL, "account_deactivated", "model_not_found"])
def test_an_error_that_no_call_gets_over_ends_the_conversation(where: str, word: str) -> None:
    """By some servers it stands in the type only."""
    fault = ending({where: word, "message": "Look at your account."})
    assert isinstance(fault, ModelRefused)
    assert "Look at your account." in fault.detail
    assert "OPENAI_API_KEY" in fault.detail
    assert fault.message == "The assistant's model refuses to work just now. Please try again later."


def test_an_expired_session_may_be_followed_by_another() -> None:
    """And any other error ends nothing."""
    fault = ending({"code": "session_expired", "message": "60 minutes."})
    assert (type(fault), fault is not None and fault.retryable) == (ModelFault, True)
    assert fault is not None
    assert fault.message == "The assistant's time is up. Please start a new conversation."
    assert ending({"code": "response_cancel_not_active", "type": "invalid_request_error"}) is None
    assert ending({}) is None


@pytest.mark.parametrize(
    ("status", "body", "retryable", "words"),
    [
        (401, b"", False, "refused the key (HTTP 401). Check the key: OPENAI_API_KEY"),
        (403, b"not json", False, "refused the key (HTTP 403)"),
        (404, b"[]", False, "refused the call (HTTP 404). Check PARLEY_MODEL_URL"),
        (301, b"", False, "sends callers elsewhere (HTTP 301)"),
        (408, b"", True, "busy or down (HTTP 408)"),
        (429, b'{"error": {"message": "Slow down."}}', True, "busy or down (HTTP 429: Slow down.)"),
        (429, b'{"error": {"code": "insufficient_quota", "message": "Pay."}}', False, "refused to go on: Pay."),
        (400, b'{"error": {"type": "model_not_found"}}', False, "refused to go on: model_not_found"),
        (503, b'{"error": "x"}', True, "busy or down (HTTP 503)"),
        (500, b"[" * 20_000, True, "busy or down (HTTP 500)"),
    ],
)
def test_a_refused_call_is_put_into_words(status: int, body: bytes, retryable: bool, words: str) -> None:
    """By its status, unless its body knows better."""
    fault = refusal(PLACE, status, error_in(body))
    assert (fault.retryable, words in fault.detail) == (retryable, True), fault.detail


SOME_ERROR = {"code": "insufficient_quota", "message": "Incorrect API key provided: sk-1. See https://h.example"}


@pytest.mark.parametrize(
    "fault",
    [
        closing(1006, "sk-1 is no key at https://h.example"),
        closing(4000, "PARLEY_MODEL is wrong"),
        ending(SOME_ERROR),
        *(refusal(PLACE, status, {"message": "sk-1"}) for status in (301, 400, 401, 404, 429, 503)),
        refusal(PLACE, 429, SOME_ERROR),
    ],
)
def test_a_person_is_told_in_our_own_plain_words(fault: ModelFault) -> None:
    """Nothing of the server's goes over the wires, no variable and no address; the log has all of it."""
    assert fault.to_wire().message in {
        "The assistant can't be reached just now. Please try again in a moment.",
        "The assistant's model refuses to work just now. Please try again later.",
    }
    assert fault.detail != fault.message
    assert str(fault) == fault.detail
