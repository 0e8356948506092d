"""What the microphone gave is kept until it would survive the server, within bounds, and given again in order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from clients.desktop.retention import FRAMES_UNHEARD_OF, LARGEST_FRAMES, LARGEST_MARKS, Retention
from parley.v1 import audio_pb2
from parley.v1 import conversation_service_pb2 as wire

FRAME = 320


def frame(number: int) -> wire.ConverseRequest:
    """Return a frame whose samples all tell its number."""
    pcm = (number % 30_000).to_bytes(2, "little") * FRAME
    head = audio_pb2.Playhead(reply=1, position=number * 480)
    return wire.ConverseRequest(audio=audio_pb2.AudioFrame(mic_offset=number * FRAME, pcm=pcm, playhead=head))


def key(pressed: bool) -> wire.ConverseRequest:
    """Return the talk key."""
    return wire.ConverseRequest(push_to_talk=wire.PushToTalk(pressed=pressed))


def say(text: str) -> wire.ConverseRequest:
    """Return typed words."""
    return wire.ConverseRequest(say=wire.Say(text=text, id=text))


def kept(*requests: wire.ConverseRequest) -> Retention:
    """Return a retention that keeps these."""
    retention = Retention()
    for request in requests:
        retention.keep(request)
    return retention


def test_what_was_heard_is_let_go_and_the_rest_is_given_again() -> None:
    """A frame of which only a part was heard is kept whole; asked for from its middle, its rest is given."""
    retention = kept(*(frame(number) for number in range(5)))
    retention.heard(2 * FRAME + 20)
    assert retention.replay(2 * FRAME) == [frame(2), frame(3), frame(4)]
    cut, *rest = retention.replay(2 * FRAME + 20)
    assert rest == [frame(3), frame(4)]
    assert cut.audio.mic_offset == 2 * FRAME + 20
    assert cut.audio.pcm == frame(2).audio.pcm[40:]
    assert cut.audio.playhead.position == 2 * 480 + 30
    assert retention.lost_samples == 0


def test_a_frame_in_silence_is_cut_without_a_playhead() -> None:
    """Where no reply was audible none becomes so."""
    silent = wire.ConverseRequest(audio=audio_pb2.AudioFrame(mic_offset=0, pcm=bytes(2 * FRAME)))
    assert not kept(silent).replay(100)[0].audio.playhead.position


def test_keys_and_words_keep_their_place() -> None:
    """What was pressed or typed between two frames stands between them again; what came before is how keys stand."""
    retention = kept(key(True), frame(0), say("a"), frame(1), key(False), say("b"), frame(2), say("c"))
    assert retention.replay(FRAME) == [key(True), say("a"), frame(1), key(False), say("b"), frame(2), say("c")]
    assert retention.replay(2 * FRAME) == [key(True), key(False), say("b"), frame(2), say("c")]
    assert retention.replay(3 * FRAME) == [key(False), say("c")]


def test_what_stands_just_where_hearing_ended_is_not_known_to_have_come() -> None:
    """Only the sample behind it tells. Of a key that has come its state is kept, of words nothing."""
    retention = kept(frame(0), key(True), say("a"), frame(1))
    retention.heard(FRAME)
    assert retention.replay(FRAME) == [key(True), say("a"), frame(1)]
    retention.heard(FRAME + 1)
    assert retention.replay(FRAME) == [key(True), frame(1)]


def test_a_minute_is_kept_and_what_is_missed_is_counted() -> None:
    """The oldest go; whether anybody wanted them is known only at a resumption."""
    retention = kept(*(frame(number) for number in range(10)))
    retention.heard(FRAME)
    for number in range(10, LARGEST_FRAMES + 100):
        retention.keep(frame(number))
    assert len(retention) == LARGEST_FRAMES
    assert retention.replay(100 * FRAME)[0] == frame(100)
    assert retention.lost_samples == 0
    assert retention.replay(40 * FRAME)[0] == frame(100)
    assert retention.lost_samples == 60 * FRAME


def test_a_server_that_never_says_what_it_heard_costs_three_seconds() -> None:
    """At first it is given the benefit of the doubt; a word later on mends it."""
    retention = kept(*(frame(number) for number in range(LARGEST_FRAMES)))
    assert len(retention) == LARGEST_FRAMES
    retention.keep(frame(LARGEST_FRAMES))
    assert len(retention) == FRAMES_UNHEARD_OF
    retention.heard(1)
    for number in range(LARGEST_FRAMES + 1, 2 * LARGEST_FRAMES):
        retention.keep(frame(number))
    assert len(retention) == LARGEST_FRAMES


def test_who_types_without_end_costs_no_memory() -> None:
    """The oldest words go, counted; how a key stands is not forgotten."""
    retention = kept(key(True), *(say(str(number)) for number in range(LARGEST_MARKS + 10)))
    assert len(retention.replay(0)) == LARGEST_MARKS + 1
    assert retention.replay(0)[0] == key(True)
    assert retention.lost_words == 10


def test_nothing_else_is_kept() -> None:
    """Reports and answers are not the microphone's."""
    assert kept(wire.ConverseRequest(heartbeat={}), wire.ConverseRequest(playback={})).replay(0) == []  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.lists(st.one_of(st.just("frame"), st.integers(0, 9)), max_size=40), st.integers(0, 40 * FRAME))
def test_a_replay_is_what_was_kept_without_what_is_known(log: list[str | int], offset: int) -> None:
    """Whatever was heard before: from any offset at or after it the replay holds every sample once, in order."""
    retention, captured, heard = Retention(), 0, 0
    for entry in log:
        if entry == "frame":
            retention.keep(frame(captured))
            captured += 1
        else:
            heard = max(heard, captured * FRAME - int(entry) * 100)
            retention.heard(max(heard, 0))
    wanted = min(max(offset, heard), captured * FRAME)
    at = wanted
    for request in retention.replay(wanted):
        assert request.audio.mic_offset == at
        at += len(request.audio.pcm) // 2
    assert at == captured * FRAME
    assert retention.lost_samples == 0
