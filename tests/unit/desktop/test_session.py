"""The client's side of the protocol, tick by tick, without a network."""

from __future__ import annotations

import numpy as np

from clients.desktop import events
from clients.desktop.failures import ConversationBroken, ServerRefused
from clients.desktop.playout import Playout
from clients.desktop.session import SILENCE, Session
from clients.desktop.wire_events import activity_of, closed_code_of, error_code_of, notice_code_of
from parley.v1 import audio_pb2, session_pb2, stream_pb2
from parley.v1 import conversation_service_pb2 as wire

from .signals import pull, reply_pcm, reply_samples

WORD = b"\1\2" * 320


def audio(reply: int, position: int, samples: int) -> wire.ConverseResponse:
    """Return a piece of a reply."""
    pcm = reply_pcm(reply, position, samples)
    return wire.ConverseResponse(audio=audio_pb2.ReplyAudio(reply=reply, position=position, pcm=pcm))


def ended(reply: int, samples: int) -> wire.ConverseResponse:
    """Return the end of a reply."""
    return wire.ConverseResponse(reply_ended=audio_pb2.ReplyEnded(reply=reply, samples=samples))


def opened() -> wire.ConverseResponse:
    """Return the answer to Open."""
    return wire.ConverseResponse(opened=wire.Opened(session="s1", resume_token="t", lead_ms=200, protocol=1))


def ticks(session: Session, count: int, latency: int = 0) -> list[wire.ConverseRequest]:
    """Let time pass; return what was sent."""
    for _ in range(count):
        session.tick(WORD, 0.0, latency)
    return session.requests()


def only(requests: list[wire.ConverseRequest], kind: str) -> list[wire.ConverseRequest]:
    """Return the requests of one kind."""
    return [request for request in requests if request.WhichOneof("message") == kind]


def test_frames_carry_their_offset_and_the_playhead_of_their_first_sample() -> None:
    """A frame captured while a reply's frame n was played is stamped with where that frame began."""
    session = Session(Playout())
    ticks(session, 2)
    session.receive(audio(1, 0, 1440), 0.0)
    session.receive(ended(1, 1440), 0.0)
    frames = [request.audio for request in only(ticks(session, 5), "audio")]
    assert [frame.mic_offset for frame in frames] == [640, 960, 1280, 1600, 1920]
    assert [(frame.playhead.reply, frame.playhead.position) for frame in frames] == [
        (0, 0),
        (1, 0),
        (1, 480),
        (1, 960),
        (0, 0),
    ]


def test_latency_of_both_directions_moves_the_stamp() -> None:
    """What was captured earlier and is heard later is stamped with an earlier playhead."""
    session = Session(Playout())
    session.receive(audio(1, 0, 48_000), 0.0)
    for _ in range(10):
        session.tick(WORD, 0.0, output_latency=960, input_latency=160)
    last = only(session.requests(), "audio")[-1].audio
    assert last.playhead.position == 9 * 480 - 960 - 480 - 240


def test_stamps_and_reports_tell_the_same_clock() -> None:
    """The mic_offset of a report is where the frames stamp that very position."""
    session = Session(Playout())
    session.receive(audio(1, 0, 48_000), 0.0)
    sent = ticks(session, 60, latency=480)
    stamps = {request.audio.mic_offset: request.audio.playhead.position for request in only(sent, "audio")}
    reports = [request.playback for request in only(sent, "playback")]
    assert len(reports) >= 4
    for report in reports[:-1]:
        assert stamps[report.mic_offset] == report.position


def test_reports_come_at_the_start_each_200_ms_and_at_the_end() -> None:
    """The server learns the first sample, a position every 200 ms, and the last sample."""
    session = Session(Playout())
    session.receive(audio(1, 0, 12_000), 0.0)
    session.receive(ended(1, 12_000), 0.0)
    reports = [request.playback for request in only(ticks(session, 40), "playback")]
    assert [(report.position, report.ended) for report in reports] == [
        (0, False),
        (4800, False),
        (9600, False),
        (12_000, True),
    ]
    assert [report.buffered_ms for report in reports] == [500, 300, 100, 0]


def test_underrun_is_reported_when_the_reply_goes_on() -> None:
    """The count rises with the report that says where the reply had stood still."""
    session = Session(Playout())
    session.receive(audio(1, 0, 480), 0.0)
    ticks(session, 4)
    session.receive(audio(1, 480, 960), 0.0)
    reports = [request.playback for request in only(ticks(session, 2), "playback")]
    assert [(report.position, report.underruns) for report in reports] == [(480, 1)]


def test_nothing_is_reported_while_nothing_is_played() -> None:
    """Silence costs no messages but the frames and a heartbeat each second."""
    requests = ticks(Session(Playout()), 100)
    assert {request.WhichOneof("message") for request in requests} == {"audio", "heartbeat"}
    assert [request.heartbeat.beat for request in only(requests, "heartbeat")] == [1, 2]


def test_flush_is_answered_with_the_last_sample_and_its_moment() -> None:
    """Flushed names the end of the fade, on the reply's own count and on the microphone's clock."""
    session = Session(Playout())
    session.receive(audio(1, 0, 24_000), 0.0)
    ticks(session, 10)
    session.receive(wire.ConverseResponse(flush=wire.Flush(seq=3, floor=1)), 0.0)
    flushed = [request.flushed for request in only(ticks(session, 1), "flushed")]
    assert [(answer.seq, answer.reply, answer.position) for answer in flushed] == [(3, 1, 4920)]
    assert flushed[0].mic_offset == 320 + (4920 * 2) // 3
    told = [event for event in session.events() if isinstance(event, events.Flush | events.Silenced)]
    assert [type(event) for event in told] == [events.Flush, events.Silenced]
    assert told[1].at.played_samples == 4920


def test_flush_in_silence_is_answered_without_a_tick() -> None:
    """With nothing to silence the answer goes out at once."""
    session = Session(Playout())
    session.receive(wire.ConverseResponse(flush=wire.Flush(seq=1, floor=0)), 0.0)
    assert [request.flushed.seq for request in session.requests()] == [1]


def test_muted_microphone_sends_silence() -> None:
    """While muted no sample of the room leaves the client, and the clock goes on."""
    session = Session(Playout())
    session.muted = True
    assert [request.audio.pcm for request in ticks(session, 2)] == [SILENCE, SILENCE]
    assert session.mic_offset == 640


def test_error_before_opened_is_a_refusal() -> None:
    """A server that won't take the client ends it with its own words."""
    session = Session(Playout())
    error = stream_pb2.Error(code=stream_pb2.Error.CODE_FULL, message="The server is full.", retryable=True)
    session.receive(wire.ConverseResponse(error=error), 0.0)
    assert isinstance(session.failure, ServerRefused)
    assert str(session.failure) == "The server refused: The server is full. Trying again may help."


def test_who_may_want_to_know_what_is_wrong_with_the_model_is_told_where_to_look() -> None:
    """The server tells callers only that it is; a developer has its log."""
    session = Session(Playout())
    error = stream_pb2.Error(code=stream_pb2.Error.CODE_MODEL, message="The assistant refuses. Try again later.")
    session.receive(wire.ConverseResponse(error=error), 0.0)
    assert str(session.failure).startswith("The server refused: The assistant refuses. Try again later. (")
    assert "run/logs/broker.log" in str(session.failure)


def test_error_in_conversation_ends_it() -> None:
    """The server's words are told, or its code where it has none, and whether a new conversation may succeed."""
    for error, said in (
        (stream_pb2.Error(code=stream_pb2.Error.CODE_INTERNAL), "internal"),
        (stream_pb2.Error(message="The model is busy.", retryable=True), "The model is busy. Trying again may help."),
        (stream_pb2.Error(message="Try again later.", retryable=True), "Try again later."),
    ):
        session = Session(Playout())
        session.receive(opened(), 0.0)
        session.receive(wire.ConverseResponse(error=error), 0.0)
        assert isinstance(session.failure, ConversationBroken)
        assert str(session.failure) == f"The server ended the conversation: {said}"


def test_newer_protocol_is_refused_and_newer_messages_are_passed_over() -> None:
    """A later server is refused when it says so; what is unknown otherwise does no harm."""
    session = Session(Playout())
    session.receive(wire.ConverseResponse(), 0.0)
    assert session.events() == []
    session.receive(wire.ConverseResponse(opened=wire.Opened(protocol=2)), 0.0)
    assert isinstance(session.failure, ServerRefused)


def test_what_the_server_says_becomes_events() -> None:
    """Captions, states and reports reach the watcher in plain types."""
    session = Session(Playout())
    said = wire.Caption(who=wire.Caption.WHO_ASSISTANT, text="One", reply=1, final=True, interrupted=True)
    stage = wire.TurnReport.Stage(name="vad.endpoint", ms=250)
    for response in (
        opened(),
        wire.ConverseResponse(caption=said),
        wire.ConverseResponse(state=wire.State(state=session_pb2.CONVERSATION_STATE_BARGE_IN, turn=2)),
        wire.ConverseResponse(turn_report=wire.TurnReport(turn=2, reply=1, stages=[stage])),
        wire.ConverseResponse(draining=wire.Draining(seconds=9)),
        wire.ConverseResponse(notice=wire.Notice(code=wire.Notice.CODE_ECHO_UNSTAMPED, message="stamp them")),
        wire.ConverseResponse(duck=wire.Duck(seq=1, gain_db=-20)),
        wire.ConverseResponse(release=wire.Release(seq=2)),
        wire.ConverseResponse(closed=wire.Closed(reason="done", code=wire.Closed.CODE_SILENCE)),
    ):
        session.receive(response, 5.0)
    at = events.Moment(5.0, 0, 0)
    assert session.events() == [
        events.Opened(at, "s1", "t", 200, 0, 0),
        events.Caption(at, events.Who.ASSISTANT, "One", True, True, 1, 0, 0),
        events.State(at, events.Activity.BARGE_IN, 2),
        events.TurnReport(at, 2, 1, (("vad.endpoint", 250.0),)),
        events.Draining(at, 9),
        events.Notice(at, "echo_unstamped", "stamp them"),
        events.Duck(at, 1, -20.0),
        events.Release(at, 2),
        events.Closed(at, "done", "silence"),
    ]
    assert session.closed


def test_a_conversation_that_goes_on_over_another_connection() -> None:
    """Who watches is told; a duck is undone; what overlaps is skipped, and what was said before is not repeated."""
    session = Session(Playout())
    session.receive(opened(), 0.0)
    session.receive(audio(1, 0, 9_600), 0.0)
    session.receive(wire.ConverseResponse(duck=wire.Duck(seq=1, gain_db=-20)), 0.0)
    ticks(session, 4)
    line = wire.Caption(who=wire.Caption.WHO_ASSISTANT, text="One", reply=1)
    more = wire.Caption(who=wire.Caption.WHO_USER, text="no", turn=1)
    for said in (line, more, more):
        session.receive(wire.ConverseResponse(caption=said), 0.0)
    session.events()
    session.reconnecting("one:7700 was lost", 1.0)
    ticks(session, 2)
    session.resumed(wire.Opened(session="s1", protocol=1, resumed=True), gap_ms=340, lost_ms=20, now_s=2.0)
    assert not session.playout.ducked
    session.receive(audio(1, 4_800, 9_600), 2.0)
    for said in (line, more, more):
        session.receive(wire.ConverseResponse(caption=said), 2.0)
    told = session.events()
    assert [event for event in told if not isinstance(event, events.Caption)] == [
        events.Reconnecting(events.Moment(1.0, 1_280, 1_440), "one:7700 was lost"),
        events.Resumed(events.Moment(2.0, 1_920, 2_400), 340, 20),
    ]
    assert [event.text for event in told if isinstance(event, events.Caption)] == ["no", "no"]
    assert session.playout.buffered_samples == 14_400 - 6 * 480
    ticks(session, 1)
    played = pull(session.playout, 4 * 480)
    assert np.array_equal(played, reply_samples(1, 7 * 480, 4 * 480))


def test_a_reply_that_was_over_is_not_heard_again() -> None:
    """The next server may send its end again, or all of it."""
    session = Session(Playout())
    session.receive(audio(1, 0, 960), 0.0)
    session.receive(ended(1, 960), 0.0)
    ticks(session, 4)
    session.resumed(wire.Opened(protocol=1), 0, 0, 0.0)
    session.receive(audio(1, 480, 480), 0.0)
    session.receive(ended(1, 960), 0.0)
    assert not session.playout.underway
    reports = only(ticks(session, 4), "playback")
    assert not reports


def test_a_flush_that_comes_again_is_answered_as_before() -> None:
    """The next server tells the floor it has; nothing more is cut, and the answer names the same sample."""
    session = Session(Playout())
    session.receive(audio(1, 0, 24_000), 0.0)
    ticks(session, 10)
    session.receive(wire.ConverseResponse(flush=wire.Flush(seq=3, floor=1)), 0.0)
    first = only(ticks(session, 2), "flushed")[0].flushed
    session.receive(audio(2, 0, 2_400), 0.0)
    session.resumed(wire.Opened(protocol=1), 0, 0, 0.0)
    session.receive(wire.ConverseResponse(flush=wire.Flush(seq=3, floor=1)), 0.0)
    again = only(session.requests(), "flushed")[0].flushed
    assert (again.seq, again.reply, again.position) == (first.seq, first.reply, first.position)
    assert session.playout.buffered_samples > 0


def test_codes_of_a_later_protocol_have_a_word_too() -> None:
    """Every state, error and notice of today has its word; one of tomorrow does not stop the client."""
    for state in session_pb2.ConversationState.values():
        assert (activity_of(state) is events.Activity.UNKNOWN) == (state == 0)
    assert error_code_of(stream_pb2.Error.CODE_FULL) == "full"
    assert error_code_of(stream_pb2.Error(code=99).code) == "code 99"  # type: ignore[arg-type]
    assert notice_code_of(wire.Notice.CODE_ECHO_MISALIGNED) == "echo_misaligned"
    assert notice_code_of(wire.Notice(code=99).code) == "code 99"  # type: ignore[arg-type]
    assert [closed_code_of(code) for code in (wire.Closed.CODE_CLIENT, wire.Closed.CODE_FAULT)] == ["client", "fault"]
    assert closed_code_of(wire.Closed(code=99).code) == "code 99"  # type: ignore[arg-type]
    assert activity_of(wire.State(state=77).state) is events.Activity.UNKNOWN  # type: ignore[arg-type]
