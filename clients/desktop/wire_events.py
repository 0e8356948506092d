"""What the server says, in the words of `events`."""

from __future__ import annotations

from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import stream_pb2
from parley.v1.session_pb2 import ConversationState

from . import events
from .events import Event, Moment


def event_of(response: wire.ConverseResponse, at: Moment) -> Event | None:
    """Return a response as an event; None for audio, heartbeats and kinds of a later protocol."""
    match response.WhichOneof("message"):
        case "opened":
            return _opened(response.opened, at)
        case "caption":
            return _caption(response.caption, at)
        case "state":
            return events.State(at, activity_of(response.state.state), response.state.turn)
        case "duck":
            return events.Duck(at, response.duck.seq, response.duck.gain_db)
        case "release":
            return events.Release(at, response.release.seq)
        case "flush":
            return events.Flush(at, response.flush.seq, response.flush.floor)
        case "turn_report":
            return _turn_report(response.turn_report, at)
        case "error":
            error = response.error
            return events.ServerError(at, error_code_of(error.code), error.message, error.retryable)
        case "draining":
            return events.Draining(at, response.draining.seconds)
        case "notice":
            return events.Notice(at, notice_code_of(response.notice.code), response.notice.message)
        case "closed":
            return events.Closed(at, response.closed.reason, closed_code_of(response.closed.code))
        case _:
            return None


def activity_of(state: ConversationState.ValueType) -> events.Activity:
    """Return what the conversation is doing; UNKNOWN for a state of a later protocol."""
    if not state or state not in ConversationState.values():
        return events.Activity.UNKNOWN
    return events.Activity(ConversationState.Name(state).removeprefix("CONVERSATION_STATE_").lower())


def error_code_of(code: stream_pb2.Error.Code.ValueType) -> str:
    """Return a code as a word: "full", "model", "internal"…"""
    known = code in stream_pb2.Error.Code.values()
    return stream_pb2.Error.Code.Name(code).removeprefix("CODE_").lower() if known else f"code {code}"


def error_words_of(error: stream_pb2.Error) -> str:
    """Return what an error says, for the person, and whether trying again is of use."""
    why = error.message or error_code_of(error.code)
    again = " Trying again may help." if error.retryable and "again" not in why.lower() else ""
    if error.code == stream_pb2.Error.CODE_MODEL:  # callers are not told what is wrong with it, developers may look
        again += " (What is wrong, the broker's log says: run/logs/broker.log of `make run`.)"
    return f"{why}{again}"


def notice_code_of(code: wire.Notice.Code.ValueType) -> str:
    """Return a code as a word: "echo_unstamped", "echo_misaligned"…"""
    known = code in wire.Notice.Code.values()
    return wire.Notice.Code.Name(code).removeprefix("CODE_").lower() if known else f"code {code}"


def closed_code_of(code: wire.Closed.Code.ValueType) -> str:
    """Return a code as a word: "client", "silence", "goodbye"…"""
    known = code in wire.Closed.Code.values()
    return wire.Closed.Code.Name(code).removeprefix("CODE_").lower() if known else f"code {code}"


def _opened(opened: wire.Opened, at: Moment) -> Event:
    limits = opened.limits
    return events.Opened(
        at, opened.session, opened.resume_token, opened.lead_ms, limits.max_frame_ms, limits.max_session_s
    )


def _caption(said: wire.Caption, at: Moment) -> Event:
    who = events.Who.ASSISTANT if said.who == wire.Caption.WHO_ASSISTANT else events.Who.USER
    return events.Caption(at, who, said.text, said.final, said.interrupted, said.reply, said.position, said.turn)


def _turn_report(report: wire.TurnReport, at: Moment) -> Event:
    stages = tuple((stage.name, stage.ms) for stage in report.stages)
    return events.TurnReport(at, report.turn, report.reply, stages)
