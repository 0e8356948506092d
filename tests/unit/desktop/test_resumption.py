"""What is told to a server that takes the conversation up again."""

from __future__ import annotations

from clients.desktop.resumption import Resumption
from parley.v1 import audio_pb2
from parley.v1 import conversation_service_pb2 as wire

FIRST = wire.Open(protocol=1, agent="tutor", token="secret")
OPENED = wire.Opened(session="s", resume_token="s.1", resume_s=30)


def piece(reply: int, position: int, samples: int) -> wire.ConverseResponse:
    """Return a piece of a reply."""
    return wire.ConverseResponse(audio=audio_pb2.ReplyAudio(reply=reply, position=position, pcm=bytes(2 * samples)))


def report(reply: int, position: int) -> wire.ConverseRequest:
    """Return a playback report."""
    return wire.ConverseRequest(playback=audio_pb2.Playback(reply=reply, position=position))


def resumption(*responses: wire.ConverseResponse) -> Resumption:
    """Return one that has seen these come."""
    made = Resumption()
    for response in (wire.ConverseResponse(opened=OPENED), *responses):
        made.came(response)
    return made


def test_it_is_offered_by_a_token_and_a_time() -> None:
    """A server may give a token and keep no session."""
    assert not Resumption().is_offered
    assert resumption().is_offered
    assert not resumption(wire.ConverseResponse(opened=wire.Opened(resume_token="t"))).is_offered


def test_open_says_who_resumes_and_how_far_it_got() -> None:
    """All of the first Open, the newest token, the next sample of the newest reply, the highest verdict."""
    made = resumption(
        piece(1, 0, 960),
        wire.ConverseResponse(duck=wire.Duck(seq=4)),
        wire.ConverseResponse(flush=wire.Flush(seq=6, floor=1)),
        wire.ConverseResponse(release=wire.Release(seq=5)),
        piece(2, 0, 480),
        piece(2, 480, 480),
        piece(1, 960, 960),
        wire.ConverseResponse(opened=wire.Opened(resume_token="s.2", resume_s=20)),
    )
    open_ = made.open(FIRST)
    assert (open_.protocol, open_.agent, open_.token, open_.resume, open_.seq) == (1, "tutor", "secret", "s.2", 6)
    assert (open_.next.reply, open_.next.position) == (2, 960)
    assert made.resume_s == 20
    assert not FIRST.resume


def test_a_reply_that_has_ended_is_wanted_from_its_end_on() -> None:
    """Whatever became of its audio: it is over."""
    made = resumption(piece(3, 0, 480), wire.ConverseResponse(reply_ended=audio_pb2.ReplyEnded(reply=3, samples=4800)))
    assert (made.open(FIRST).next.reply, made.open(FIRST).next.position) == (3, 4800)


def test_before_any_reply_none_is_named() -> None:
    """Reply 0: nothing was received yet."""
    assert not resumption().open(FIRST).next.reply


def test_the_last_reports_and_the_last_answer_are_said_again() -> None:
    """Of the newest replies the last report each, in order; an old reply's is no news any more."""
    made = resumption()
    for request in (report(1, 10), report(2, 10), report(2, 20), report(3, 30), report(4, 0), report(4, 40)):
        made.went(request)
    for seq in (1, 2):
        made.went(wire.ConverseRequest(flushed=audio_pb2.Flushed(seq=seq)))
    assert made.again(OPENED).urgent == [
        report(2, 20),
        report(3, 30),
        report(4, 40),
        wire.ConverseRequest(flushed=audio_pb2.Flushed(seq=2)),
    ]


def test_the_microphone_is_let_go_as_far_as_the_server_says() -> None:
    """And only by what it says of having received: 0 says nothing."""
    made = resumption()
    frames = [
        wire.ConverseRequest(audio=audio_pb2.AudioFrame(mic_offset=320 * number, pcm=bytes(640))) for number in range(4)
    ]
    for frame in frames:
        made.went(frame)
    made.came(wire.ConverseResponse(heard=audio_pb2.Heard(mic_offset=1280)))
    assert made.again(OPENED).in_order == frames
    made.came(wire.ConverseResponse(heard=audio_pb2.Heard(received_offset=640)))
    assert made.again(wire.Opened(mic_offset=640)).in_order == frames[2:]
