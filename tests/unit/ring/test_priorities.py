"""What goes first on a reply's way down, from broker to client, when everything waits at once."""

from __future__ import annotations

from typing import Any

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2, stream_pb2
from parley.v1 import vad_service_pb2 as vad
from services.broker.mouth import Mouth
from services.common.outbox import OVERTAKEN, Outbox
from services.egress.session import Speaking
from services.ingress.session import Session
from tests.unit.egress.sounds import cancel, piece, words


async def kinds(outbox: Outbox[Any]) -> list[str]:
    """Close an outbox and return what kinds of messages its writer would send, in order."""
    outbox.close()
    return [message.WhichOneof("message") async for message in outbox]


async def test_the_broker_gives_an_interrupt_first_and_words_in_their_place() -> None:
    """Egress reckons with the sound before a word."""
    mouth = Mouth(gives=True)
    mouth.say(egress.SpeakRequest(audio=piece(1, 0, 480)))
    mouth.say(egress.SpeakRequest(caption=words(1, 480)))
    mouth.say(egress.SpeakRequest(audio=piece(1, 480, 480)))
    mouth.say(egress.SpeakRequest(interrupt=cancel(1, floor=0)))
    assert await kinds(mouth.outbox) == ["interrupt", "audio", "caption", "audio"]


async def test_egress_gives_an_interrupt_first_and_never_words_before_their_sound() -> None:
    """A listener that takes over is told again the words behind the sound that the last one had."""
    now_s = 0.0
    speaking = Speaking("s", lambda: now_s)
    speaking.to_ingress, speaking.to_broker = outbox, _ = Outbox[Any](100), Outbox[Any](100)
    speaking.from_broker(egress.SpeakRequest(audio=piece(1, 0, 24_000)))
    speaking.from_broker(egress.SpeakRequest(caption=words(1, 2_400)))
    for tick in range(30):
        now_s = tick / 50
        speaking.tick()
    speaking.from_broker(egress.SpeakRequest(interrupt=cancel(1, floor=0)))
    sent = await kinds(outbox)
    assert sent[0] == "interrupt"
    assert sent.index("caption") > sent.index("audio")
    assert sent.count("caption") == 1


def stood() -> Session:
    """Return a session of ingress whose ring stands, as its client knows."""
    session = Session(client.Open(protocol=1))
    session.dial_vad(stream_pb2.StreamOpen(dial=1))
    session.dial_egress(stream_pb2.StreamOpen(dial=1), 0)
    session.from_vad(vad.ListenResponse(ready=stream_pb2.StreamReady()))
    session.from_egress(egress.AttachResponse(ready=stream_pb2.StreamReady()))
    session.is_announced = True
    return session


def play(session: Session, position: int, samples: int = 480) -> None:
    """Let egress send a piece of reply 1."""
    pcm = bytes(range(1, 1 + 2)) * samples
    session.from_egress(egress.AttachResponse(audio=audio.ReplyAudio(reply=1, position=position, pcm=pcm)))


async def test_a_client_is_told_first_what_to_do_then_gets_sound_then_words() -> None:
    """Whatever came first; and a verdict flushes the sound, not the words."""
    session = stood()
    session.from_egress(egress.AttachResponse(caption=words(1, 0)))
    play(session, 0)
    session.from_vad(vad.ListenResponse(state=client.State(state=session_pb2.CONVERSATION_STATE_SPEAKING)))
    play(session, 480)
    assert await kinds(session.to_client) == ["state", "audio", "audio", "caption"]
    session = stood()
    play(session, 0)
    session.from_egress(egress.AttachResponse(caption=words(1, 0)))
    session.from_vad(vad.ListenResponse(interrupt=cancel(1)))
    assert await kinds(session.to_client) == ["flush", "caption"]


async def test_a_client_that_is_behind_gets_its_words_all_the_same() -> None:
    """After a second or two of sound."""
    session = stood()
    session.from_egress(egress.AttachResponse(caption=words(1, 0)))
    for number in range(2 * OVERTAKEN):
        play(session, number * 480)
    assert (await kinds(session.to_client)).index("caption") == OVERTAKEN
