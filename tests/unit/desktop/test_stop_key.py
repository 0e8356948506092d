"""The stop key is pressed again until the server heeds it, and never at what comes after."""

from __future__ import annotations

from clients.desktop.playout import Playout
from clients.desktop.session import INTERRUPT, Session
from clients.desktop.stop_key import AGAIN_TICKS, FORGET_TICKS, StopKey
from parley.v1 import audio_pb2
from parley.v1 import conversation_service_pb2 as wire

from .signals import reply_pcm

WORD = b"\1\2" * 320


def again(key: StopKey, reply: int, ticks: int) -> int:
    """Let time pass while a reply is the newest; return how often the key is pressed again."""
    return sum(key.tick(reply) for _ in range(ticks))


def piece(position: int, samples: int) -> wire.ConverseResponse:
    """Return a piece of reply 1."""
    pcm = reply_pcm(1, position, samples)
    return wire.ConverseResponse(audio=audio_pb2.ReplyAudio(reply=1, position=position, pcm=pcm))


def pressed(session: Session, ticks: int) -> int:
    """Let time pass; return how often the stop key was sent."""
    for _ in range(ticks):
        session.tick(WORD, 0.0)
    return session.requests().count(INTERRUPT)


def test_while_the_very_reply_sounds_it_is_pressed_again() -> None:
    """Each half second, until a flush comes."""
    key = StopKey()
    key.press(7)
    assert again(key, 7, 3 * AGAIN_TICKS) == 3
    key.flushed(1)
    assert again(key, 7, 3 * AGAIN_TICKS) == 0


def test_a_flush_that_is_told_again_answers_no_press() -> None:
    """Its word is of before the press."""
    key = StopKey()
    key.flushed(4)
    key.press(7)
    key.flushed(4)
    assert again(key, 7, AGAIN_TICKS) == 1


def test_what_comes_after_is_not_stopped() -> None:
    """Neither the next reply, nor one that begins later than the press, nor the answer to typed words."""
    key = StopKey()
    key.press(7)
    assert again(key, 8, 100) + again(key, 7, 100) == 0
    key.press(0)
    assert again(key, 1, 100) == 0
    key.press(7)
    key.let_go()
    assert again(key, 7, 100) == 0


def test_another_connection_is_told_of_a_press_that_found_no_answer() -> None:
    """However long it took to find one; but not of one that had found nothing to stop."""
    key = StopKey()
    key.press(0)
    key.away()
    assert again(key, 0, 10 * FORGET_TICKS) == 0
    assert key.back()
    assert again(key, 0, FORGET_TICKS) == 0
    assert not key.back()


def test_a_press_while_the_reply_had_run_dry_stops_it_when_it_goes_on() -> None:
    """A stall of a second is the end of a reply to a server that goes by playheads: there was nothing to stop."""
    session = Session(Playout())
    session.receive(wire.ConverseResponse(opened=wire.Opened(protocol=1)), 0.0)
    session.receive(piece(0, 4_800), 0.0)
    assert pressed(session, 60) == 0
    session.interrupt()
    assert pressed(session, 20) == 1
    session.receive(piece(4_800, 48_000), 0.0)
    assert pressed(session, 25) == 1
    session.receive(wire.ConverseResponse(flush=wire.Flush(seq=1, floor=1)), 0.0)
    assert pressed(session, 100) == 0


def test_a_press_before_the_first_sample_is_sent_once_where_it_is_heeded() -> None:
    """The reply was never heard, and says so."""
    session = Session(Playout(prebuffer_ms=60))
    session.receive(piece(0, 480), 0.0)
    session.interrupt()
    session.receive(wire.ConverseResponse(flush=wire.Flush(seq=1, floor=1)), 0.0)
    session.tick(WORD, 0.0)
    requests = session.requests()
    flushed = [request.flushed for request in requests if request.HasField("flushed")]
    assert [(answer.seq, answer.reply, answer.position) for answer in flushed] == [(1, 0, 0)]
    assert requests.count(INTERRUPT) == 1
    assert pressed(session, 100) == 0
