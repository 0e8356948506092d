"""The report of a session: everything that was said and done, once, in order."""

from __future__ import annotations

import json

from parley.v1 import session_pb2 as wire
from services.broker.report import MOST_CHARS, MOST_ITEMS, Ended, report

USER, ASSISTANT, TOOL = wire.HistoryItem.ROLE_USER, wire.HistoryItem.ROLE_ASSISTANT, wire.HistoryItem.ROLE_TOOL
START_MS = 1_700_000_000_000


def tool(status: wire.ToolCall.Status.ValueType, output: str, at_ms: int) -> wire.HistoryItem:
    """Return one of the two items of a call."""
    call = wire.ToolCall(call_id="c1", name="book", arguments='{"room":7}', output=output, status=status)
    return wire.HistoryItem(role=TOOL, turn=1, tool=call, at_ms=at_ms)


def ended(history: list[wire.HistoryItem], summary: str | None = None) -> Ended:
    """Return a session with this history."""
    usage = wire.Usage(audio_out=91, text_in=5, cost_micros=41_300)
    return Ended("s-1", "clerk", START_MS, START_MS + 61_500, "goodbye", history, usage, "EUR", summary)


STORY = [
    wire.HistoryItem(role=USER, turn=1, text="Book room 7.", at_ms=START_MS + 1),
    tool(wire.ToolCall.STATUS_CALLED, "", START_MS + 2),
    tool(wire.ToolCall.STATUS_DONE, "booked", START_MS + 900),
    wire.HistoryItem(role=ASSISTANT, turn=1, text="Room seven is", interrupted=True, at_ms=START_MS + 1_000),
    wire.HistoryItem(role=USER, turn=2, text="Thanks, bye!", at_ms=START_MS + 2_000),
    wire.HistoryItem(text="nobody's"),
]


def test_a_session_is_told_whole() -> None:
    """Words as they were heard, each tool call once as it went in the end, figures, and no role that is none."""
    body = report(ended(STORY))
    assert json.loads(json.dumps(body)) == {
        "type": "session.ended",
        "timestamp": "2023-11-14T22:14:21.500Z",
        "data": {
            "session": "s-1",
            "agent": "clerk",
            "started_at": "2023-11-14T22:13:20.000Z",
            "ended_at": "2023-11-14T22:14:21.500Z",
            "reason": "goodbye",
            "turns": 2,
            "transcript": [
                {"role": "user", "text": "Book room 7.", "at": "2023-11-14T22:13:20.001Z", "interrupted": False},
                {"role": "assistant", "text": "Room seven is", "at": "2023-11-14T22:13:21.000Z", "interrupted": True},
                {"role": "user", "text": "Thanks, bye!", "at": "2023-11-14T22:13:22.000Z", "interrupted": False},
            ],
            "tools": [
                {
                    "at": "2023-11-14T22:13:20.002Z",
                    "name": "book",
                    "arguments": '{"room":7}',
                    "output": "booked",
                    "status": "done",
                    "turn": 1,
                }
            ],
            "omitted": 0,
            "usage": {
                "text_in": 5,
                "text_cached": 0,
                "text_out": 0,
                "audio_in": 0,
                "audio_cached": 0,
                "audio_out": 91,
                "transcribed_ms": 0,
                "connected_ms": 0,
            },
            "cost": {"amount": "0.041300", "currency": "EUR"},
            "summary": None,
        },
    }


def test_a_call_that_nobody_knows_the_end_of_stands_there_too() -> None:
    """It had begun when the session ended."""
    (call,) = report(ended([tool(wire.ToolCall.STATUS_CALLED, "", 0)]))["data"]["tools"]
    assert call["status"] == "called"


def test_a_report_has_an_end() -> None:
    """The last items are kept, long answers of tools are cut, and the rest is counted."""
    items = [wire.HistoryItem(role=USER, turn=n, text=str(n)) for n in range(1, MOST_ITEMS + 4)]
    data = report(ended([*items, tool(wire.ToolCall.STATUS_DONE, "x" * 60_000, 0)], "They talked."))["data"]
    assert (data["omitted"], data["turns"], len(data["transcript"])) == (3, MOST_ITEMS + 3, MOST_ITEMS)
    assert data["transcript"][-1]["text"] == str(MOST_ITEMS + 3)
    assert len(data["tools"][0]["output"]) == MOST_CHARS
    assert data["summary"] == "They talked."
