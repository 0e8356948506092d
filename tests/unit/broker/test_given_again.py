"""Given again: whatever an egress holds, it gets the rest of every living reply, to the sample, and each word once."""

from __future__ import annotations

import base64
from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from tests.unit.broker.scene import Scene


def coded(reply: int, start: int, samples: int) -> bytes:
    """Samples that tell which they are."""
    positions = np.arange(start, start + samples, dtype=np.int64)
    return (1 + (reply * 7_919 + positions * 31) % 30_011).astype("<i2").tobytes()


class Held:
    """An egress: what it has of each reply, from a sample on."""

    def __init__(self) -> None:
        self.start: dict[int, int] = {}
        self.pcm: dict[int, bytes] = {}
        self.words: dict[int, list[str]] = {}
        self.ended: dict[int, int] = {}
        self.floor = self.seq = 0

    def take(self, request: egress.SpeakRequest) -> None:
        """Take a message of the Speak stream; audio must be gapless."""
        match request.WhichOneof("message"):
            case "reply_started":
                assert not self.pcm.get(request.reply_started.reply)
                self.pcm.setdefault(request.reply_started.reply, b"")
            case "audio":
                number = request.audio.reply
                start = self.start.setdefault(number, request.audio.position)
                assert request.audio.position == start + len(self.pcm[number]) // 2
                self.pcm[number] += request.audio.pcm
            case "caption" if not request.caption.final and request.caption.who == client.Caption.WHO_ASSISTANT:
                self.pcm.setdefault(request.caption.reply, b"")  # words may come before it has begun
                self.words.setdefault(request.caption.reply, []).append(request.caption.text)
            case "reply_ended":
                self.ended[request.reply_ended.reply] = request.reply_ended.samples
            case "interrupt":
                self.seq, self.floor = request.interrupt.seq, request.interrupt.floor

    def held(self, played: dict[int, int]) -> egress.Held:
        """Say what is held."""
        replies = [
            egress.HeldReply(
                reply=number,
                samples=self.start.get(number, 0) + len(pcm) // 2,
                complete=number in self.ended,
                played=played.get(number, 0),
                captions=[client.Caption(text=word) for word in self.words.get(number, [])],
                dead=number <= self.floor,
            )
            for number, pcm in self.pcm.items()
        ]
        return egress.Held(replies=replies, seq=self.seq, floor=self.floor, newest_reply=max(self.pcm, default=0))


def spoken(scene: Scene, turn: int, pieces: list[int], *, done: bool) -> None:
    """A turn, and its answer in pieces of so many samples, each with a word."""
    scene.turn(turn, item=f"u{turn}")
    scene.created(f"r{turn}")
    scene.item(f"r{turn}", f"a{turn}")
    position = 0
    for index, samples in enumerate(pieces):
        address = {"response_id": f"r{turn}", "item_id": f"a{turn}"}
        scene.model("response.output_audio_transcript.delta", **address, delta=f" w{index}")
        pcm = base64.b64encode(coded(turn, position, samples)).decode()
        scene.model("response.output_audio.delta", **address, delta=pcm, content_index=0)
        position += samples
    if done:
        scene.item_done(f"r{turn}", f"a{turn}")
        scene.done(f"r{turn}")


PIECES = st.lists(st.integers(1, 40_000), min_size=1, max_size=5)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(PIECES, min_size=1, max_size=3),
    st.booleans(),
    st.booleans(),
    st.floats(0, 1),
    st.floats(0, 1),
    st.booleans(),
)
def test_whatever_is_held(
    replies: list[list[int]], done: bool, aligned: bool, share: float, played_share: float, is_new: bool
) -> None:
    """An egress that got a part of what was sent, or another one that has nothing; the model may still be speaking."""
    scene = Scene(aligned=aligned)
    for turn, pieces in enumerate(replies, 1):
        spoken(scene, turn, pieces, done=done or turn < len(replies))
    sent = scene.to_egress[: max(int(len(scene.to_egress) * share), 0)]
    old = Held()
    for request in sent:
        old.take(request)
    played = int(len(old.pcm.get(1, b"")) // 2 * played_share)
    if played:
        scene.take(scene.core.from_egress(egress.Played(reply=1, position=played), scene.now_s))
    scene.to_egress.clear()
    has = Held() if is_new else old
    held = egress.Held() if is_new else old.held({1: played})
    scene.take(scene.core.give_again(held, scene.now_s))
    if not done:  # what comes later comes once, too
        spoken_on = replies[-1]
        scene.speak(f"r{len(replies)}", f"a{len(replies)}", 0, " last")
        pcm = base64.b64encode(coded(len(replies), sum(spoken_on), 100)).decode()
        address = {"response_id": f"r{len(replies)}", "item_id": f"a{len(replies)}"}
        scene.model("response.output_audio.delta", **address, delta=pcm, content_index=0)
        scene.item_done(f"r{len(replies)}", f"a{len(replies)}")
        scene.done(f"r{len(replies)}")
    for request in scene.to_egress:
        has.take(request)
    for turn, pieces in enumerate(replies, 1):
        samples, words = sum(pieces), [f" w{index}" for index in range(len(pieces))]
        if not done and turn == len(replies):
            samples, words = samples + 100, [*words, " last"]
        begins = played if is_new and turn == 1 else 0
        start = has.start.get(turn, begins)  # of one that was played to its last sample nothing is given
        assert start == begins
        assert start * 2 + len(has.pcm[turn]) == samples * 2
        assert has.pcm[turn] == coded(turn, start, samples - start)
        assert has.words[turn] == words
        assert has.ended[turn] == samples


def after(change: Callable[[Scene], None]) -> Held:
    """Give a new egress everything of a scene that has been changed so."""
    scene = Scene(aligned=True)
    change(scene)
    scene.to_egress.clear()
    scene.take(scene.core.give_again(egress.Held(), scene.now_s))
    has = Held()
    for request in scene.to_egress:
        has.take(request)
    return has


def test_the_floor_comes_first_and_nothing_that_is_dead() -> None:
    """The gate of the new egress may have been shut by the topic, and waits for it."""

    def interrupted(scene: Scene) -> None:
        spoken(scene, 1, [4_800], done=True)
        scene.interrupt(7)
        scene.played(1, 50, seq=7)
        spoken(scene, 2, [2_400], done=True)

    has = after(interrupted)
    assert (has.seq, has.floor, set(has.pcm)) == (7, 1, {2})


def test_what_was_heard_to_its_end_is_not_said_again() -> None:
    """Not even its end."""

    def heard(scene: Scene) -> None:
        spoken(scene, 1, [2_400], done=True)
        scene.played(1, 100, ended=True)

    assert after(heard).pcm == {}


def test_an_egress_that_lost_nothing_is_told_nothing_new() -> None:
    """Its stream broke, and what was on the way had arrived."""
    scene, has = Scene(aligned=True), Held()
    spoken(scene, 1, [2_400, 4_800], done=True)
    for request in scene.to_egress:
        has.take(request)
    scene.to_egress.clear()
    scene.take(scene.core.give_again(has.held({}), scene.now_s))
    assert scene.to_egress == []


def test_what_egress_says_was_played_counts() -> None:
    """It was heard to its end while nobody could be told."""
    scene, has = Scene(aligned=True), Held()
    spoken(scene, 1, [2_400], done=True)
    for request in scene.to_egress:
        has.take(request)
    held = has.held({1: 2_400})
    held.replies[0].ended = True
    scene.transcript("u1", "hello")
    scene.take(scene.core.give_again(held, scene.now_s))
    assert [item.text for item in scene.history] == ["hello", "w0"]


def test_numbers_grow_beyond_those_of_a_broker_that_led_meanwhile() -> None:
    """It was parked, another one was dialled with another egress, and lost: what it says now is none of the past."""
    scene = Scene()
    spoken(scene, 1, [24_000], done=True)
    scene.take(scene.core.from_egress(egress.Played(reply=1, position=24_000, ended=True), scene.now_s))
    scene.take(scene.core.give_again(egress.Held(newest_reply=20), scene.now_s))
    scene.to_egress.clear()
    spoken(scene, 2, [24_000], done=True)
    begun = [request.reply_started.reply for request in scene.to_egress if request.HasField("reply_started")]
    assert begun == [21]
