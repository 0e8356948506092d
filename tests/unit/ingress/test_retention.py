"""Retention: what vad has not decided upon can be given again, without a hole and in order; memory has a bound."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2
from parley.v1 import vad_service_pb2 as vad
from services.ingress import retention as retention_module
from services.ingress.hands import Hands
from services.ingress.retention import Retention
from tests.unit.ingress.frames import counted, frame, samples_of


def sound(start: int, samples: int = 320, playhead: audio.Playhead | None = None) -> vad.ListenRequest:
    """A frame of the microphone."""
    return vad.ListenRequest(audio=frame(start, counted(start, samples), playhead))


def gap(start: int, ms: int) -> vad.ListenRequest:
    """Silence on the wire."""
    return vad.ListenRequest(gap=audio.Gap(mic_offset=start, ms=ms))


def typed(text: str) -> vad.ListenRequest:
    """Words of the person's."""
    return vad.ListenRequest(say=client.Say(text=text))


def announced(name: str) -> vad.ListenRequest:
    """Words of an operator's."""
    return vad.ListenRequest(announcement=session_pb2.Announcement(id=name, text="Your taxi is here."))


def muted(is_so: bool) -> vad.ListenRequest:
    """The microphone is muted, or open again."""
    return vad.ListenRequest(mute=client.Mute(muted=is_so))


def key(pressed: bool) -> vad.ListenRequest:
    """The talk key."""
    return vad.ListenRequest(push_to_talk=client.PushToTalk(pressed=pressed))


@dataclass
class Heard:
    """A vad that begins at a sample: it has no patience with holes, and follows the hands."""

    clock: int
    pcm: list[np.ndarray] = field(default_factory=list)
    controls: list[tuple[int, vad.ListenRequest]] = field(default_factory=list)
    hands: Hands = field(default_factory=Hands)
    hands_at_start: Hands | None = None

    def take(self, requests: list[vad.ListenRequest]) -> Heard:
        """Hear all of it."""
        for request in requests:
            match request.WhichOneof("message"):
                case "audio":
                    self._go_on(request.audio.mic_offset, samples_of(request.audio.pcm))
                case "gap":
                    self._go_on(request.gap.mic_offset, np.zeros(request.gap.ms * 16, np.int16))
                case _:
                    self.hands.see(request)
                    self.controls.append((self.clock, request))
        return self

    def _go_on(self, mic_offset: int, pcm: np.ndarray) -> None:
        assert mic_offset == self.clock, "the ring's clock jumped"
        self.clock += len(pcm)
        self.pcm.append(pcm)

    @property
    def wave(self) -> np.ndarray:
        """All that was heard."""
        return np.concatenate([np.zeros(0, np.int16), *self.pcm])


def filled(frames: int) -> Retention:
    """Keep so many frames of 20 ms."""
    retention = Retention()
    for index in range(frames):
        retention.keep(sound(index * 320))
    return retention


def test_what_was_heard_goes_and_the_rest_can_be_replayed() -> None:
    """A frame goes when its last sample was acknowledged, not earlier."""
    retention = filled(5)
    retention.heard(639)
    assert [each.audio.mic_offset for each in retention.replay(320)] == [320, 640, 960, 1_280]
    retention.heard(640)
    assert len(retention) == 3 * 320
    retention.heard(10_000)
    assert retention.replay(1_600) == []
    assert len(retention) == 0


def test_an_old_acknowledgement_changes_nothing() -> None:
    """It may come after a newer one when a stage takes over."""
    retention = filled(5)
    retention.heard(640)
    retention.heard(320)
    assert len(retention) == 3 * 320


def test_a_replay_begins_at_the_very_sample() -> None:
    """In the middle of a frame, whose playhead moves along, or of a gap; with a gap where nothing is kept any more."""
    retention = Retention()
    retention.keep(sound(0, 320, audio.Playhead(reply=1, position=2_400)))
    retention.keep(gap(320, 100))
    first, *rest = retention.replay(160)
    assert first.audio.mic_offset == 160
    assert first.audio.playhead == audio.Playhead(reply=1, position=2_640)
    assert [each.gap.ms for each in rest] == [100]
    assert Heard(1_000).take(retention.replay(1_000)).clock == 1_920
    retention.heard(1_920)
    retention.keep(sound(1_920))
    again = Heard(1_001).take(retention.replay(1_001))
    assert again.clock == 2_240
    assert not again.wave[:919].any()
    assert np.array_equal(again.wave[919:], counted(1_920, 320))


def test_the_state_of_the_hands_is_told_first() -> None:
    """However long ago the keys were pressed; what follows finds them as they were."""
    retention = Retention()
    for request in (key(True), key(False), muted(True), sound(0), muted(False), sound(320), key(True), sound(640)):
        retention.keep(request)
    assert [each.WhichOneof("message") for each in retention.replay(0)][:2] == ["push_to_talk", "push_to_talk"]
    retention.heard(320)
    told = retention.replay(320)
    assert told[:2] == [key(False), muted(True)]
    assert [each.WhichOneof("message") for each in told[2:]] == ["mute", "audio", "push_to_talk", "audio"]
    retention.heard(960)
    assert retention.replay(960) == [key(True)]


def test_an_announcement_is_given_to_who_takes_over_until_vad_is_past_it() -> None:
    """It may have waited for the floor for a while, in a vad that is lost now; typed words have gone to the broker."""
    retention = Retention()
    for request in (sound(0), announced("a"), typed("hello"), sound(320), sound(640)):
        retention.keep(request)
    assert retention.replay(640)[:-1] == [announced("a")]
    retention.heard(321)
    assert retention.replay(640) == [sound(640)]
    retention.keep(announced("b"))
    retention.forget_announcements()
    assert retention.replay(640) == [sound(640)]


def test_what_comes_just_before_a_sample_is_not_acknowledged_with_it() -> None:
    """All sound before it may have been heard, and not yet what was typed after it."""
    retention = filled(1)
    retention.keep(typed("hello"))
    retention.heard(320)
    assert retention.replay(320) == [typed("hello")]
    retention.keep(sound(320))
    retention.heard(640)
    assert retention.replay(640) == []


def test_the_oldest_goes_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn is never that long: what goes is counted."""
    monkeypatch.setattr(retention_module, "MAX_RETAINED_S", 1)
    retention = filled(60)
    assert len(retention) == 16_000
    assert retention.dropped_samples == 10 * 320
    assert not Heard(0).take(retention.replay(0)).wave[:3_200].any()


def test_words_and_small_frames_have_their_bounds() -> None:
    """Neither somebody who types without end nor frames of a millisecond fill the memory."""
    retention = Retention()
    for index in range(retention_module.MAX_RETAINED + 100):
        retention.keep(sound(index * 16, 16))
    assert len(retention.replay(0)) <= retention_module.MAX_RETAINED + 1
    for _ in range(200):
        retention.keep(typed("x" * 4_000))
    assert sum(len(each.say.text) for each in retention.replay(0)) <= retention_module.MAX_TEXT


def test_an_hour_of_silence_on_the_wire_costs_nothing() -> None:
    """Gaps of 100 ms become seconds, and what vad has not asked for beyond 70 s goes."""
    retention = Retention()
    for index in range(36_000):
        retention.keep(gap(index * 1_600, 100))
    assert len(retention.replay(36_000 * 1_600 - 16_000)) == 1
    assert len(retention) <= retention_module.MAX_RETAINED_S * 16_000


EVENTS = st.lists(
    st.one_of(
        st.integers(1, 700).map(lambda samples: ("audio", samples)),
        st.integers(1, 1_500).map(lambda ms: ("gap", ms)),
        st.sampled_from([("mute", 1), ("mute", 0), ("key", 1), ("key", 0), ("say", 0)]),
        st.integers(0, 100).map(lambda percent: ("heard", percent)),
        st.integers(0, 100).map(lambda percent: ("replay", percent)),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(EVENTS)
def test_whatever_comes_a_vad_hears_each_sample_once_and_each_act_in_its_place(events: list[tuple[str, int]]) -> None:
    """Acknowledgements and takeovers at any time: from where it wants to hear, the new one is told what was given."""
    retention, given_, acknowledged = Retention(), np.zeros(0, np.int16), 0
    acts: list[tuple[int, vad.ListenRequest]] = []
    for kind, figure in events:
        clock = len(given_)
        request = None
        match kind:
            case "audio":
                request = sound(clock, figure)
                given_ = np.concatenate((given_, counted(clock, figure)))
            case "gap":
                request = gap(clock, figure)
                given_ = np.concatenate((given_, np.zeros(figure * 16, np.int16)))
            case "mute":
                request = muted(bool(figure))
            case "key":
                request = key(bool(figure))
            case "say":
                request = typed(f"at {clock}")
            case "heard":
                acknowledged = max(acknowledged, clock * figure // 100)
                retention.heard(acknowledged)
            case "replay":
                hear_from = acknowledged + (clock - acknowledged) * figure // 100
                heard = Heard(hear_from).take(retention.replay(hear_from))
                assert np.array_equal(heard.wave, given_[hear_from:])
                _assert_acts(heard, acts, hear_from)
        if request is not None:
            retention.keep(request)
            if kind in ("mute", "key", "say"):
                acts.append((clock, request))


def _assert_acts(heard: Heard, acts: list[tuple[int, vad.ListenRequest]], hear_from: int) -> None:
    """After what restores the state of the hands come the very acts, each at its sample."""
    before, all_of_them = Hands(), Hands()
    for at, act in acts:
        all_of_them.see(act)
        if at < hear_from:
            before.see(act)
    restored = before.told()
    assert [act for _, act in heard.controls[: len(restored)]] == restored
    assert heard.controls[len(restored) :] == [(at, act) for at, act in acts if at >= hear_from]
    assert heard.hands == all_of_them
