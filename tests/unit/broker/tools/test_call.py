"""One call: its Idempotency-Key, and the words and bounds of what the model is told."""

from __future__ import annotations

from dataclasses import replace

from parley.v1 import session_pb2 as wire
from services.broker.tools.call import MOST_BYTES, ToolRequest, done, failed, header_safe, unknown

REQUEST = ToolRequest("call_1", "book", '{"room": 7}', "s-1", turn=3, agent="clerk")


def test_the_key_names_one_call() -> None:
    """The same for the same call, whoever makes it; another for any other, even where a server counts anew."""
    key = REQUEST.idempotency_key
    assert key.startswith("s-1-call_1-")
    assert replace(REQUEST, agent="").idempotency_key == key
    others = [
        replace(REQUEST, call_id="call_2"),
        replace(REQUEST, session="s-2"),
        replace(REQUEST, turn=4),
        replace(REQUEST, arguments='{"room": 8}'),
        replace(REQUEST, name="cancel"),
    ]
    assert len({key, *(other.idempotency_key for other in others)}) == 6


def test_an_id_may_stand_in_a_header() -> None:
    """Whatever a model's server calls its calls: no line break, no letter beyond ASCII, no endless one."""
    for call_id in ("call\r\nX-Evil: 1", "é☺\ud800", "x" * 5_000):
        key = replace(REQUEST, call_id=call_id).idempotency_key
        assert key.isascii()
        assert key.isprintable()
        assert len(key) < 200
        assert " " not in key
    assert header_safe("a b") == "a%20b"


def test_a_long_answer_is_cut_and_says_so() -> None:
    """By bytes, between two characters; what fits is left as it is."""
    assert done("é" * (MOST_BYTES // 2)).output == "é" * (MOST_BYTES // 2)
    cut = done("x" + "é" * MOST_BYTES).output
    assert len(cut.encode()) <= MOST_BYTES + 100
    assert cut.endswith("é\n[Cut here: the answer is longer than 65536 bytes.]")


def test_an_answer_is_text_that_can_be_kept() -> None:
    """An empty one says that it is done, and half a surrogate, which protobuf refuses, is replaced."""
    assert done(" \n").output == "Done."
    wire.ToolCall(output=done("half \ud83d").output)


def test_the_words_say_how_it_went() -> None:
    """The model is told apart: not done, and perhaps done."""
    assert failed("no.").output == "Failed: no."
    assert failed("no.").status == wire.ToolCall.STATUS_FAILED
    assert unknown("It broke.").output.startswith("Outcome unknown: It broke. It may or may not have been carried out.")
    assert unknown("It broke.").status == wire.ToolCall.STATUS_UNKNOWN
