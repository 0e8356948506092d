"""A session in ingress: messages find their way, a cancel flushes once, and a bad client is told what was wrong."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2, stream_pb2
from parley.v1 import vad_service_pb2 as vad
from services.common.errors import LimitFault, ParleyError, PeerLost, ProtocolFault, RemoteFault, Superseded
from services.common.outbox import Outbox
from services.ingress.limits import Limits
from services.ingress.listener import STALL_MS
from services.ingress.losses import StageFailed
from services.ingress.resumption import Elsewhere
from services.ingress.retention import MAX_RETAINED
from services.ingress.session import Session
from tests.unit.ingress.frames import counted, frame

Interrupt = session_pb2.Interrupt


async def drained(outbox: Outbox[Any]) -> list[Any]:
    """Close an outbox and return what its writer would send after the stream's first message."""
    outbox.close()
    return [message async for message in outbox if message.WhichOneof("message") != "open"]


async def kinds(outbox: Outbox[Any]) -> list[str]:
    """Return the kinds of what was in an outbox."""
    return [message.WhichOneof("message") for message in await drained(outbox)]


def session(limits: Limits | None = None, clock: Callable[[], float] = lambda: 0.0, **formats: int) -> Session:
    """Open a session whose ring stands; `input` and `output` in Hz."""
    chosen: dict[str, Any] = {name: audio.AudioFormat(rate_hz=rate) for name, rate in formats.items()}
    return stood(Session(client.Open(protocol=1, **chosen), limits, clock))


def stood(opened: Session) -> Session:
    """Let a session's ring stand, and its client know."""
    opened.dial_vad(stream_pb2.StreamOpen(dial=1))
    opened.dial_egress(stream_pb2.StreamOpen(dial=1), 0)
    opened.from_vad(vad.ListenResponse(ready=stream_pb2.StreamReady()))
    opened.from_egress(egress.AttachResponse(ready=stream_pb2.StreamReady()))
    opened.is_announced = True
    return opened


def verdict(seq: int, kind: Interrupt.Kind.ValueType = Interrupt.KIND_CANCEL, floor: int = 0) -> Interrupt:
    """Return a verdict."""
    return Interrupt(seq=seq, kind=kind, floor=floor)


def play(to: Session, reply: int, position: int = 0, samples: int = 480) -> None:
    """Let egress send a piece of a reply."""
    piece = audio.ReplyAudio(reply=reply, position=position, pcm=counted(position, samples).astype("<i2").tobytes())
    to.from_egress(egress.AttachResponse(audio=piece))


def on_listen(to: Session, seq: int) -> None:
    """Let a cancel come back from vad."""
    to.from_vad(vad.ListenResponse(interrupt=verdict(seq)))


def on_topic(to: Session, seq: int) -> None:
    """Let a cancel come over the topic."""
    to.from_topic(verdict(seq))


def in_band(to: Session, seq: int, floor: int = 5) -> None:
    """Let a cancel come with its floor."""
    to.from_egress(egress.AttachResponse(interrupt=verdict(seq, floor=floor)))


@pytest.mark.parametrize("ways", list(permutations((on_listen, on_topic, in_band))))
async def test_a_cancel_flushes_once_whichever_way_comes_first(ways: tuple[Any, ...]) -> None:
    """One Flush, with the highest reply the client may have; nothing passes until the floor is known."""
    to = session()
    play(to, 4)
    for way in ways:
        way(to, 1)
        play(to, 5)
    play(to, 6)
    messages = await drained(to.to_client)
    assert [message.WhichOneof("message") for message in messages] == ["flush", "audio"]
    assert messages[0].flush.floor == (5 if ways[0] is in_band else 4)
    assert messages[1].audio.reply == 6
    assert to.statistics()["replies_flushed"] == 1


async def test_a_flush_overtakes_and_forgets_what_waits() -> None:
    """Audio that the client has not read yet is not sent after it."""
    to = session()
    for position in range(0, 4_800, 480):
        play(to, 1, position)
    on_listen(to, 1)
    assert await kinds(to.to_client) == ["flush"]


async def test_a_topic_that_comes_late_stops_nothing() -> None:
    """The floor is known already: the reply above it goes on."""
    to = session()
    in_band(to, 1, floor=1)
    play(to, 2)
    on_topic(to, 1)
    play(to, 2, 480)
    assert await kinds(to.to_client) == ["flush", "audio", "audio"]


async def test_a_floor_from_the_record_is_final() -> None:
    """After a reconnection the topic's subscriber reads floor and number: the gate ends open above it."""
    to = session()
    play(to, 3)
    to.from_topic(verdict(2, floor=3))
    play(to, 3, 480)
    play(to, 4)
    messages = await drained(to.to_client)
    assert [message.WhichOneof("message") for message in messages] == ["flush", "audio"]
    assert messages[1].audio.reply == 4


async def test_ducks_and_releases_are_obeyed_in_order_of_their_numbers() -> None:
    """One that comes after a later verdict, by whatever way, is ignored."""
    to = session()
    for seq, kind in ((1, Interrupt.KIND_DUCK), (1, Interrupt.KIND_DUCK), (2, Interrupt.KIND_RELEASE)):
        to.from_vad(vad.ListenResponse(interrupt=verdict(seq, kind)))
    on_topic(to, 4)
    for seq, kind in ((3, Interrupt.KIND_DUCK), (4, Interrupt.KIND_RELEASE), (5, Interrupt.KIND_DUCK)):
        to.from_vad(vad.ListenResponse(interrupt=verdict(seq, kind)))
    messages = await drained(to.to_client)
    assert [message.WhichOneof("message") for message in messages] == ["duck", "release", "flush", "duck"]
    assert messages[0].duck.gain_db == -20
    assert messages[3].duck.seq == 5


async def test_the_topic_carries_cancels_only() -> None:
    """Should a duck ever be published there, nobody acts on it twice."""
    to = session()
    to.from_topic(verdict(1, Interrupt.KIND_DUCK))
    assert await kinds(to.to_client) == []


async def test_the_end_of_a_dead_reply_is_not_told() -> None:
    """A client would take it for a reply played to its end."""
    to = session()
    play(to, 1)
    on_listen(to, 1)
    to.from_egress(egress.AttachResponse(reply_ended=audio.ReplyEnded(reply=1, samples=480)))
    assert await kinds(to.to_client) == ["flush"]


async def test_words_of_the_dead_are_hushed_but_for_their_last_line() -> None:
    """The last line says what was heard; a person's words always pass."""
    to = session()
    in_band(to, 1, floor=1)
    user, assistant = client.Caption.WHO_USER, client.Caption.WHO_ASSISTANT
    for caption in (
        client.Caption(who=assistant, reply=1, text="not heard"),
        client.Caption(who=assistant, reply=1, text="heard", final=True),
        client.Caption(who=user, text="stop"),
        client.Caption(who=assistant, reply=2, text="alive"),
    ):
        to.from_egress(egress.AttachResponse(caption=caption))
    messages = await drained(to.to_client)
    assert [message.caption.text for message in messages[1:]] == ["heard", "stop", "alive"]


async def test_what_the_client_reports_is_told_in_the_ring_s_samples() -> None:
    """Egress learns of playback and silence, whatever rates the client has; vad knows by the frames' playheads."""
    to = session(input=48_000, output=8_000)
    report = audio.Playback(reply=1, position=8_000, mic_offset=48_000)
    silent = audio.Flushed(seq=3, reply=1, position=4_000, mic_offset=96_000)
    to.from_client(client.ConverseRequest(playback=report))
    to.from_client(client.ConverseRequest(flushed=silent))
    played, flushed = await drained(to.to_egress)
    assert (played.playback.position, played.playback.mic_offset) == (24_000, 16_000)
    assert (flushed.flushed.position, flushed.flushed.mic_offset) == (12_000, 32_000)
    assert flushed.flushed.seq == 3
    assert len(to.to_vad) == 1


async def test_captions_stand_at_the_client_s_positions() -> None:
    """A client at 48 kHz counts twice the samples."""
    to = session(output=48_000)
    who = client.Caption.WHO_ASSISTANT
    to.from_egress(egress.AttachResponse(caption=client.Caption(who=who, reply=1, position=480)))
    assert (await drained(to.to_client))[0].caption.position == 960


async def test_the_microphone_goes_to_vad_and_is_kept() -> None:
    """Until vad has heard it."""
    to = session()
    for index in range(3):
        to.from_client(client.ConverseRequest(audio=frame(index * 320, counted(index * 320, 320))))
    to.from_vad(vad.ListenResponse(heard=audio.Heard(mic_offset=640)))
    assert len(to.uplink.retention) == 320
    assert await kinds(to.to_vad) == ["audio"] * 3


async def test_hands_and_words_keep_their_place_in_the_sound() -> None:
    """Mute, push-to-talk and typed words go in line with the audio; the stop key goes before it."""
    to = session()
    to.from_client(client.ConverseRequest(audio=frame(0, counted(0, 320))))
    to.from_client(client.ConverseRequest(mute=client.Mute(muted=True)))
    to.from_client(client.ConverseRequest(push_to_talk=client.PushToTalk(pressed=True)))
    to.from_client(client.ConverseRequest(say=client.Say(text="hello")))
    to.from_client(client.ConverseRequest(interrupt=client.ConverseRequest.Interrupt()))
    assert await kinds(to.to_vad) == ["interrupt", "audio", "mute", "push_to_talk", "say"]


async def test_a_microphone_silent_on_the_wire_becomes_gaps() -> None:
    """The first once a sign of life has told that it is silent, later ones after 400 ms; a frame ends one, and its
    clock is taken over.
    """
    to = session()
    to.from_client(client.ConverseRequest(audio=frame(0, counted(0, 320))))
    for _ in range(4):
        to.tick(100)
    to.from_client(client.ConverseRequest(heartbeat=stream_pb2.Heartbeat(beat=1)))
    for _ in range(2):
        to.tick(100)
    to.from_client(client.ConverseRequest(audio=frame(320, counted(320, 320))))
    for _ in range(5):
        to.tick(100)
    messages = await drained(to.to_vad)
    assert [message.gap.ms for message in messages] == [0, 600, 0, 400, 100]
    assert messages[2].audio.mic_offset == 320 + 600 * 16
    assert to.statistics()["mic_gap_ms"] == 1_100


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (client.ConverseRequest(open=client.Open()), "open came twice"),
        (client.ConverseRequest(), "empty or unknown"),
        (client.ConverseRequest(say=client.Say(text=" ")), "say takes 1 to 4000 characters of text; these are 0"),
        (client.ConverseRequest(say=client.Say(text="x" * 4_001)), "these are 4001"),
        (client.ConverseRequest(audio=audio.AudioFrame(pcm=b"1")), "whole 16-bit samples"),
        (client.ConverseRequest(playback=audio.Playback(position=1 << 60)), "from the start"),
        (client.ConverseRequest(flushed=audio.Flushed(mic_offset=(1 << 64) - 1)), "from the start"),
    ],
)
def test_a_bad_message_is_told_in_words(request_: client.ConverseRequest, words: str) -> None:
    """Whoever writes a client reads what was wrong with it."""
    with pytest.raises(ProtocolFault, match=words):
        session(input=8_000, output=8_000).from_client(request_)


def test_the_ring_is_ready_when_both_hops_are() -> None:
    """One of them alone is not a ring."""
    to = Session(client.Open(protocol=1))
    to.from_vad(vad.ListenResponse(ready=stream_pb2.StreamReady()))
    assert not to.stands
    to.from_egress(egress.AttachResponse(ready=stream_pb2.StreamReady()))
    assert to.stands


def test_faults_of_the_ring_end_the_session() -> None:
    """What a stage tells is raised: its own error, a peer it lost, or its going away without the conversation's end."""
    failed = stream_pb2.StreamEnd(reason=stream_pb2.StreamEnd.REASON_FAILED, detail="no more")
    superseded = stream_pb2.StreamEnd(reason=stream_pb2.StreamEnd.REASON_SUPERSEDED)
    draining = stream_pb2.StreamEnd(reason=stream_pb2.StreamEnd.REASON_DRAINING)
    done = stream_pb2.StreamEnd(reason=stream_pb2.StreamEnd.REASON_DONE)
    error = stream_pb2.Error(code=stream_pb2.Error.CODE_MODEL, message="no key")
    with pytest.raises(RemoteFault, match="no key"):
        session().from_vad(vad.ListenResponse(error=error))
    with pytest.raises(RemoteFault, match="no key"):
        session().from_egress(egress.AttachResponse(error=error))
    with pytest.raises(PeerLost, match="broker was lost"):
        session().from_vad(vad.ListenResponse(peer_lost=stream_pb2.PeerLost(stage="broker", detail="gone")))
    with pytest.raises(StageFailed, match=r"vad was lost: it ended the session \(failed\) no more"):
        session().from_vad(vad.ListenResponse(end=failed))
    with pytest.raises(StageFailed, match="egress was lost"):
        session().from_egress(egress.AttachResponse(end=failed))
    with pytest.raises(Superseded, match="taken over by another connection"):
        session().from_vad(vad.ListenResponse(end=superseded))
    with pytest.raises(PeerLost, match="egress was lost: it is stopping"):
        session().from_egress(egress.AttachResponse(end=draining))
    session().from_vad(vad.ListenResponse(end=done))


async def test_state_and_reports_go_to_the_client() -> None:
    """As they come."""
    to = session()
    to.from_vad(vad.ListenResponse(state=client.State(turn=1)))
    to.from_egress(egress.AttachResponse(turn_report=client.TurnReport(turn=1)))
    assert await kinds(to.to_client) == ["state", "turn_report"]


@pytest.mark.parametrize("fault", [None, PeerLost("vad", "it froze")])
async def test_everybody_hears_of_the_end(fault: ParleyError | None) -> None:
    """The client hears the rest, or at once the error when there was one; every stream gets its last message."""
    to = session()
    play(to, 1)
    to.parting.close(fault)
    expected = ["audio", "closed"] if fault is None else ["error", "closed"]
    assert await kinds(to.to_client) == expected
    for outbox in (to.to_vad, to.to_egress):
        (last,) = await drained(outbox)
        reason = stream_pb2.StreamEnd.REASON_FAILED if fault else stream_pb2.StreamEnd.REASON_DONE
        assert last.end.reason == reason


async def test_a_flush_after_the_end_does_not_take_the_goodbye_away() -> None:
    """A cancel may come while the last messages wait to be sent."""
    to = session()
    to.parting.close(None)
    on_topic(to, 1)
    assert await kinds(to.to_client) == ["closed"]


async def test_a_client_that_reads_slowly_loses_old_audio() -> None:
    """200 pieces wait, the newest; the rest is counted. vad's stream on the other hand may not lose any."""
    to = session()
    for index in range(250):
        play(to, 1, index * 480)
    assert to.statistics()["client_audio_dropped"] == 50
    messages = await drained(to.to_client)
    assert messages[0].audio.position == 50 * 480
    to = session()
    for index in range(1000):
        to.from_client(client.ConverseRequest(audio=frame(index * 160, counted(index * 160, 160))))
    to.from_client(client.ConverseRequest(mute=client.Mute()))
    assert len(to.to_vad) == 1002, "ten seconds that a client catches up with, 10 ms at a time, are no fault of vad's"


def test_a_stage_that_does_not_read_is_no_fault_of_the_client() -> None:
    """Before memory ends it is taken for lost: another one may read, and is given what is kept."""
    to = session(limits=Limits(max_ahead_ms=1 << 30, max_messages_per_s=60))
    for index in range(MAX_RETAINED + 600):
        to.from_client(client.ConverseRequest(audio=frame(index * 32, counted(index * 32, 32))))
    assert not to.uplink.is_stuck
    to.from_client(client.ConverseRequest(mute=client.Mute(muted=True)))
    assert to.uplink.is_stuck
    for _ in range(601):
        to.from_client(client.ConverseRequest(playback=audio.Playback(reply=1)))
    assert to.downlink.is_stuck


def test_a_client_that_says_nothing_is_let_go() -> None:
    """A heartbeat is enough to be kept; a long sleep of our own counts as half a second."""
    to = session(limits=Limits(client_silent_s=2))
    for _ in range(3):
        to.tick(60_000)
    for _ in range(15):
        to.heard()
        to.tick(1_000)
    for _ in range(3):
        to.tick(500)
    with pytest.raises(LimitFault, match=r"nothing came for 2 s; send a heartbeat") as caught:
        to.tick(500)
    assert caught.value.limit == "client_silent"


async def test_a_client_that_hangs_up_is_told_goodbye() -> None:
    """End is answered with Closed, and nothing after it."""
    opened = session()
    opened.from_client(client.ConverseRequest(end=client.End()))
    play(opened, 1)
    (last,) = await drained(opened.to_client)
    assert last.closed.code == client.Closed.CODE_CLIENT


async def test_a_hangup_is_the_last_word_after_all_that_waits() -> None:
    """What the client has not read yet is still sent, then Closed with the broker's words; every stream ends well."""
    opened = session()
    play(opened, 1)
    hangup = stream_pb2.Hangup(reason=stream_pb2.Hangup.REASON_GOODBYE, words="You said goodbye, and so do we.")
    opened.from_vad(vad.ListenResponse(hangup=hangup))
    opened.from_vad(vad.ListenResponse(hangup=stream_pb2.Hangup(words="twice")))
    play(opened, 1, 480)
    opened.parting.close(None)
    sound, last = await drained(opened.to_client)
    assert sound.audio.position == 0
    assert last.closed == client.Closed(reason=hangup.words, code=client.Closed.CODE_GOODBYE)
    for outbox in (opened.to_vad, opened.to_egress):
        assert [message.end.reason for message in await drained(outbox)] == [stream_pb2.StreamEnd.REASON_DONE]


async def test_a_fault_after_the_last_word_is_not_told() -> None:
    """The client was told that all is over: what breaks in the ring while it is put away is not its business."""
    opened = session()
    opened.from_vad(vad.ListenResponse(hangup=stream_pb2.Hangup(reason=stream_pb2.Hangup.REASON_TIME)))
    opened.parting.close(PeerLost("vad", "it crashed"))
    (last,) = await drained(opened.to_client)
    assert last.closed.code == client.Closed.CODE_TIME


async def test_a_fault_is_told_before_the_last_word() -> None:
    """And the last word says that it was one."""
    opened = session()
    opened.parting.close(PeerLost("vad", "it crashed"))
    error, last = await drained(opened.to_client)
    assert error.HasField("error")
    assert last.closed.code == client.Closed.CODE_FAULT


async def test_a_notice_of_the_ring_is_told_once_and_counted_always() -> None:
    """Each code by itself; one that this ingress does not know goes through as well."""
    opened = session()
    codes = client.Notice.Code
    again = [
        client.Notice.CODE_MODEL_RECONNECTING,
        client.Notice.CODE_MODEL_RECONNECTING,
        codes.Value("CODE_UNSPECIFIED"),
    ]
    for code in again:
        opened.from_vad(vad.ListenResponse(notice=client.Notice(code=code, message="A moment.")))
    opened.from_vad(vad.ListenResponse(notice=client.Notice.FromString(bytes([8, 99]))))
    told = [message.notice.code for message in await drained(opened.to_client)]
    assert told == [client.Notice.CODE_MODEL_RECONNECTING, 0, 99]
    assert opened.statistics()["model_reconnecting"] == 2
    assert opened.statistics()["notice_other"] == 1


async def test_a_verdict_of_an_earlier_owner_is_ignored() -> None:
    """What a ring under a lower lease still says on the topic stops nothing; one without a lease is the record's."""
    opened = session()
    opened.lease = 7
    opened.from_topic(Interrupt(seq=1, kind=Interrupt.KIND_CANCEL, lease=6))
    assert len(opened.to_client) == 0
    opened.from_topic(Interrupt(seq=1, kind=Interrupt.KIND_CANCEL, lease=7))
    opened.to_client.close()
    assert await kinds(opened.to_client) == ["flush"]


async def test_a_conversation_under_way_is_not_idle() -> None:
    """As long as vad says that somebody speaks, or something is typed, the session lives; then its time runs."""
    now_s = 0.0
    opened = session(limits=Limits(max_idle_s=60, slow_reader_s=600), clock=lambda: now_s)
    opened.from_vad(vad.ListenResponse(state=client.State(state=session_pb2.CONVERSATION_STATE_SPEAKING)))
    now_s = 100.0
    opened.tick(100)
    opened.from_vad(vad.ListenResponse(state=client.State(state=session_pb2.CONVERSATION_STATE_IDLE)))
    now_s = 150.0
    opened.from_client(client.ConverseRequest(say=client.Say(text="hello")))
    now_s = 205.0
    opened.tick(100)
    now_s = 211.0
    with pytest.raises(LimitFault, match="nobody has spoken"):
        opened.tick(100)


async def test_a_flood_is_refused() -> None:
    """Audio a hundred times too fast, and reports or heartbeats without end."""
    beating = session()

    def flood(opened: Session, request: Callable[[int], client.ConverseRequest]) -> None:
        for index in range(10_000):
            opened.heard()
            opened.from_client(request(index))

    with pytest.raises(LimitFault, match="ahead of its time"):
        flood(session(), lambda index: client.ConverseRequest(audio=frame(index * 320, counted(0, 320))))
    with pytest.raises(LimitFault, match="messages a second"):
        flood(session(Limits(max_messages_per_s=60)), lambda index: client.ConverseRequest(playback=audio.Playback()))
    for _ in range(2_000):
        beating.heard()
    with pytest.raises(LimitFault, match="messages a second"):
        beating.heard()


async def test_a_stamp_is_turned_into_the_ring_s_positions() -> None:
    """A client that plays at 8 kHz stamps its microphone in samples of 8 kHz; vad is told samples of 24 kHz."""
    to = session(output=8_000)
    to.from_client(client.ConverseRequest(audio=frame(0, counted(0, 320), audio.Playhead(reply=2, position=4_000))))
    (heard,) = await drained(to.to_vad)
    assert heard.audio.playhead == audio.Playhead(reply=2, position=12_000)
    absurd = audio.Playhead(reply=2, position=1 << 60)
    with pytest.raises(ProtocolFault, match="count from the start"):
        session().from_client(client.ConverseRequest(audio=frame(0, counted(0, 320), absurd)))


async def test_only_a_client_that_leaves_echo_to_the_server_has_it_cancelled() -> None:
    """Its frames come 8 ms later, in their places, and before a gap all of them have come; others' are untouched."""
    plain, echoing = (
        stood(Session(client.Open(protocol=1, echo=echo), clock=lambda: 0.0))
        for echo in (client.Open.ECHO_HEADPHONES, client.Open.ECHO_SERVER)
    )
    given: list[list[vad.ListenRequest]] = []
    for each in (plain, echoing):
        play(each, 1)
        each.verdict(verdict(1, Interrupt.KIND_DUCK))
        for start in range(0, 1_600, 320):
            each.from_client(client.ConverseRequest(audio=frame(start, counted(start, 320))))
        each.tick(STALL_MS)
        given.append(await drained(each.to_vad))
    whole = [b"".join(message.audio.pcm for message in messages) for messages in given]
    assert whole[0] == whole[1] == counted(0, 1_600).astype("<i2").tobytes()
    assert [message.audio.mic_offset for message in given[0][:2]] == [0, 320]
    assert [message.audio.mic_offset for message in given[1][:2]] == [0, 192]
    assert given[0][-1].gap.mic_offset == given[1][-1].gap.mic_offset == 1_600


async def test_what_keeps_echo_from_being_cancelled_is_counted_and_told() -> None:
    """A client that never stamps: one word in the log, one in the statistics, and one to the client, before sound."""
    to = stood(Session(client.Open(protocol=1, echo=client.Open.ECHO_SERVER), clock=lambda: 0.0))
    play(to, 1, samples=4 * 24_000)
    for start in range(0, 4 * 16_000, 320):
        to.from_client(client.ConverseRequest(audio=frame(start, counted(start, 320))))
    assert to.statistics()["echo_unstamped"] == 1
    first, *rest = await drained(to.to_client)
    assert first.notice.code == client.Notice.CODE_ECHO_UNSTAMPED
    assert "no microphone frame says" in first.notice.message
    assert {message.WhichOneof("message") for message in rest} == {"audio"}


@pytest.mark.parametrize(
    ("opened", "words"),
    [
        (client.Open(next=audio.Playhead(reply=1, position=(1 << 64) - 1)), "from the start of reply or session"),
        (client.Open(seq=(1 << 64) - 1), "highest that came"),
    ],
)
def test_who_resumes_from_nowhere_is_told_so(opened: client.Open, words: str) -> None:
    """No server has counted so far; in a new session nobody looks."""
    opened.output.rate_hz = 8_000
    with pytest.raises(ProtocolFault, match=words):
        Session(opened, elsewhere=Elsewhere())
    Session(opened)


async def test_a_client_that_reads_nothing_can_still_be_left() -> None:
    """Even its control lane is full: whatever ends the session, ends it."""
    to = session()

    def show(states: int) -> None:
        for turn in range(states):
            to.from_vad(vad.ListenResponse(state=client.State(turn=turn)))

    with pytest.raises(LimitFault, match="control"):
        show(2_000)
    to.parting.warn(1)
    to.dial_vad(stream_pb2.StreamOpen(dial=2))
    to.parting.close(LimitFault("it does not read"))
    assert (await kinds(to.to_client))[-1] == "closed"


async def test_a_greeting_before_opened_waits_for_it() -> None:
    """Egress may be ready, and greet, before vad is: the client is told first that the session stands."""
    to = Session(client.Open(protocol=1))
    to.from_egress(egress.AttachResponse(ready=stream_pb2.StreamReady()))
    play(to, 1)
    to.from_egress(egress.AttachResponse(caption=client.Caption(who=client.Caption.WHO_ASSISTANT, reply=1, text="Hi.")))
    assert len(to.to_client) == 0
    to.announce(client.Opened())
    assert await kinds(to.to_client) == ["opened", "audio", "caption"]


async def test_what_egress_says_before_opened_waits_for_it() -> None:
    """A client that comes back is told first that it is back, then all the rest, in order."""
    to = Session(client.Open(next=audio.Playhead(reply=1, position=480)), elsewhere=Elsewhere())
    play(to, 1, 480)
    in_band(to, 3, floor=1)
    on_topic(to, 3)
    play(to, 2)
    to.from_vad(vad.ListenResponse(state=client.State(turn=4)))
    assert len(to.to_client) == 0
    to.announce(client.Opened(resumed=True))
    assert await kinds(to.to_client) == ["opened", "flush", "state", "audio"]
