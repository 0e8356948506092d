"""The whole client in virtual time, against servers that break off, fall silent, go away, refuse and do not answer."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from clients.desktop import events
from clients.desktop.conversation import Conversation
from clients.desktop.failures import ConversationBroken, ServerRefused
from clients.desktop.headless import HeadlessDevice
from clients.desktop.reply_format import is_opus
from clients.desktop.sound import pcm_of, samples_of
from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import stream_pb2
from tests.unit.engine.virtual_time import run

from .fake_ring import End, FakeRing, Fate
from .signals import reply_samples

TALK_S = 60.0


def words(samples: int) -> NDArray[np.int16]:
    """Return what a person says, every sample a function of its place."""
    return (1_000 + (np.arange(samples, dtype=np.int64) * 37) % 20_000).astype(np.int16)


class Talk:
    """A conversation, and what came of it."""

    def __init__(self, ring: FakeRing, servers: str = "one:1", reply_format: str = "auto") -> None:
        loop = asyncio.get_running_loop()
        self.ring = ring
        self.device = HeadlessDevice(clock=loop.time, sleep=asyncio.sleep)
        self.device.say(pcm_of(words(int(TALK_S * 16_000))))
        # Who talks all the time talks over replies; as echo is left to the server, that does not lower them here.
        echo = wire.Open.ECHO_SERVER
        self.conversation = Conversation(servers, self.device, dial=ring.dial, echo=echo, reply_format=reply_format)
        self.told: list[events.Event] = []

    async def for_s(self, seconds: float) -> None:
        """Converse for so long, then hang up. Raises the ClientError that ended it before."""
        async with self.conversation:
            watching = asyncio.create_task(self.watch())
            await asyncio.wait([watching], timeout=seconds)
            if watching.done():
                watching.result()
        await watching

    async def watch(self) -> None:
        """Collect events to the end."""
        async for event in self.conversation:
            self.told.append(event)

    def of(self, kind: type[events.Event]) -> list[events.Event]:
        """Return the events of a kind."""
        return [event for event in self.told if isinstance(event, kind)]

    def assert_heard_whole(self, *, until_s: float) -> None:
        """Every sample captured up to then has reached the ring, and is what was said, but for what is told as lost."""
        assert self.ring.heard_offset >= until_s * 16_000
        heard = np.zeros(self.ring.heard_offset, np.int16)
        for frame in self.ring.frames:
            heard[frame.mic_offset : frame.mic_offset + len(frame.pcm) // 2] = samples_of(frame.pcm)
        assert np.count_nonzero(heard == 0) == self.ring.missing_samples <= self.lost_ms * 16
        assert np.array_equal(heard[heard != 0], words(len(heard))[heard != 0])

    @property
    def lost_ms(self) -> int:
        """What the client says is lost."""
        return sum(event.lost_ms for event in self.told if isinstance(event, events.Resumed))

    def assert_played_whole(self) -> None:
        """Every sample of the reply has left the speaker, in order and once."""
        played = self.device.recording().assistant()
        assert np.array_equal(played[played != 0], reply_samples(1, 0, self.ring.reply_samples))


PAUSES = 1


def talk(
    ring: FakeRing,
    seconds: float,
    servers: str = "one:1",
    meanwhile: Callable[[Talk], Coroutine[None, None, None]] | None = None,
    reply_format: str = "auto",
) -> Talk:
    """Hold a conversation in virtual time, with pauses between calls that are the same each time."""
    random.seed(PAUSES)

    async def hold() -> Talk:
        held = Talk(ring, servers, reply_format)
        acting = asyncio.create_task(meanwhile(held)) if meanwhile else None
        await held.for_s(seconds)
        if acting:
            await acting
        return held

    return run(hold())


async def resumed(ring: FakeRing) -> None:
    """Wait until the second connection was opened."""
    while len(ring.opens) < 2:  # noqa: ASYNC110 - time is virtual
        await asyncio.sleep(0.01)


fates = st.builds(
    Fate,
    life_s=st.floats(0.05, 1.5),
    end=st.sampled_from(End),
    refusals=st.integers(0, 3),
    silences=st.integers(0, 1),
)


@settings(max_examples=12, deadline=None)
@given(st.lists(fates, min_size=1, max_size=3), st.sampled_from(["one:1", "one:1,two:2", "one:1,two:2,three:3"]))
def test_whatever_breaks_no_sample_is_lost_or_repeated(lives: list[Fate], servers: str) -> None:
    """At whatever moments connections end, and however.

    Every sample captured reaches the ring, whole and true, and every sample of the reply leaves the speaker once.
    """
    lives[0].refusals = lives[0].silences = 0
    ring = FakeRing(deque(lives), reply_samples=4 * 24_000)
    held = talk(ring, 24, servers)
    held.assert_heard_whole(until_s=23.9)
    held.assert_played_whole()
    assert len(held.of(events.Resumed)) == len(ring.opens) - 1 == len(held.of(events.Reconnecting))
    away_ms = sum(event.gap_ms for event in held.told if isinstance(event, events.Resumed))
    assert held.lost_ms == 0 or away_ms > 9_000


def test_what_is_said_again_begins_where_the_server_wants_it() -> None:
    """Opened.mic_offset may lie before what the last server had: it is sent from there, not from the beginning."""
    ring = FakeRing(deque([Fate(2.9), Fate(wants=40_100)]), max_frame_ms=20)
    talk(ring, 5)
    offsets = [frame.mic_offset for frame in ring.frames]
    first = offsets.index(40_100)
    assert offsets[first - 1] > 44_000
    assert offsets[first + 1] == 40_320
    assert ring.frames[first].pcm == pcm_of(words(40_320)[40_100:])


def test_the_next_server_is_called_where_the_present_one_is_silent() -> None:
    """One that froze is not called first; it is found by what it does not say, within two seconds."""
    ring = FakeRing(deque([Fate(3.0, End.FROZEN)]), reply_samples=240_000)
    held = talk(ring, 10, "one:1,two:2")
    assert ring.called == ["one:1", "two:2"]
    (resumed,) = held.of(events.Resumed)
    assert isinstance(resumed, events.Resumed)
    assert 1_500 <= resumed.gap_ms < 2_000
    (lost,) = held.of(events.Reconnecting)
    assert isinstance(lost, events.Reconnecting)
    assert lost.why == "one:1 has been silent for 1.6 s"


def test_a_server_that_is_going_away_is_left_when_another_stands() -> None:
    """It talks until then; what it says of having been replaced is no end, and nothing is missed meanwhile."""
    ring = FakeRing(deque([Fate(2.0, End.DRAINED), Fate(refusals=2)]), reply_samples=240_000)
    held = talk(ring, 14, "one:1,two:2")
    assert ring.called == ["one:1", "two:2", "one:1", "two:2"]
    assert [event.why for event in held.of(events.Reconnecting) if isinstance(event, events.Reconnecting)] == [
        "one:1 is going away"
    ]
    assert [event.gap_ms for event in held.of(events.Resumed) if isinstance(event, events.Resumed)] == [0]
    assert not held.of(events.Underrun)
    assert not held.of(events.ServerError)
    held.assert_played_whole()


def test_a_server_that_closes_because_it_goes_away_is_not_the_end() -> None:
    """It has said draining, nobody took the conversation at once, and its last word is only its own."""
    ring = FakeRing(deque([Fate(2.0, End.DRAINED), Fate(refusals=20)]))

    async def close(_: Talk) -> None:
        await asyncio.sleep(4)
        assert ring.present is not None
        ring.present._say(closed=wire.Closed(reason="stopping", code=wire.Closed.CODE_DRAINING))

    held = talk(ring, 30, meanwhile=close)
    assert [type(event) for event in held.told] == [
        events.Opened,
        events.Draining,
        events.Reconnecting,
        events.Resumed,
        events.Closed,
    ]
    held.assert_heard_whole(until_s=28)


def test_a_client_that_was_asleep_comes_back() -> None:
    """The server has given it up, and keeps the session: it says so by an error that is worth another try."""
    ring = FakeRing()

    async def give_up(_: Talk) -> None:
        await asyncio.sleep(3)
        assert ring.present is not None
        limit = stream_pb2.Error(code=stream_pb2.Error.CODE_LIMIT, message="nothing came for 10 s", retryable=True)
        ring.present._say(error=limit)

    held = talk(ring, 6, meanwhile=give_up)
    assert [event.why for event in held.told if isinstance(event, events.Reconnecting)] == ["one:1 gave this client up"]
    held.assert_heard_whole(until_s=5.8)


def test_pauses_between_tries_grow_and_end_with_the_servers_patience() -> None:
    """A session is not kept for ever: when its time is over, the person is told what happened last."""
    ring = FakeRing(deque([Fate(2.0), Fate(refusals=1_000)]), resume_s=10)
    with pytest.raises(ConversationBroken) as broken:
        talk(ring, 60)
    assert str(broken.value) == (
        "The connection to one:1 was lost (it broke off), and the conversation could not be taken up again: "
        "Cannot reach Parley at one:1 (connection refused). Start it, or name another with --server."
    )
    assert 10 < len(ring.called) < 20


def test_a_call_that_is_overtaken_by_an_earlier_one_is_made_again() -> None:
    """A server that woke up late took the session for a call nobody waits for any more; that is no end."""
    overtaken = stream_pb2.Error(code=stream_pb2.Error.CODE_SUPERSEDED, message="Another one has it.")
    ring = FakeRing(deque([Fate(2.0), Fate(silences=1, error=overtaken)]), reply_samples=96_000)

    async def overtake(_: Talk) -> None:
        await asyncio.sleep(8)
        assert ring.present is not None
        ring.present._say(error=overtaken)

    held = talk(ring, 12, meanwhile=overtake)
    assert len(held.of(events.Resumed)) == 2
    held.assert_played_whole()
    held.assert_heard_whole(until_s=11.8)


def test_a_session_that_somebody_else_took_over_is_over() -> None:
    """Another client showed the token: the two shall not fight for it."""
    ring = FakeRing(deque([Fate()]))

    async def overtake(_: Talk) -> None:
        await asyncio.sleep(2)
        assert ring.present is not None
        ring.present.supersede()

    with pytest.raises(ConversationBroken, match=r"^The server ended the conversation: another one$"):
        talk(ring, 10, meanwhile=overtake)


def test_a_server_that_takes_no_session_up_again_is_lost_at_once() -> None:
    """resume_s 0 says so."""
    ring = FakeRing(deque([Fate(2.0)]), resume_s=0)
    with pytest.raises(ConversationBroken, match=r"^The connection to one:1 was lost \(it broke off\)\.$"):
        talk(ring, 10)
    assert ring.called == ["one:1"]


def test_hanging_up_while_no_server_is_there() -> None:
    """There is nobody to be told, and nobody is waited for."""
    ring = FakeRing(deque([Fate(1.0), Fate(refusals=1_000)]))
    held = talk(ring, 4)
    assert [type(event) for event in held.told] == [events.Opened, events.Reconnecting]
    assert not ring.of("end")


def test_what_the_person_did_meanwhile_is_told() -> None:
    """Typed words go again under their name, keys in the place where they were pressed, the stop key once."""
    ring = FakeRing(deque([Fate(2.0), Fate(refusals=4)]))

    async def act(held: Talk) -> None:
        await asyncio.sleep(1.99)
        held.conversation.say_text("lost on its way")
        await asyncio.sleep(0.3)
        held.conversation.push_to_talk(True)
        held.conversation.interrupt()
        await asyncio.sleep(0.1)
        held.conversation.push_to_talk(False)
        held.conversation.say_text("typed meanwhile")
        held.conversation.interrupt()

    talk(ring, 6, meanwhile=act)
    assert [say.text for say in ring.of("say")] == ["lost on its way", "typed meanwhile"]
    assert len({say.id for say in ring.of("say")}) == 2
    assert [key.pressed for key in ring.of("push_to_talk")] == [True, False]
    assert len(ring.of("interrupt")) == 1


@pytest.mark.parametrize("end", [End.CUT, End.FROZEN, End.DRAINED])
def test_a_stop_key_that_may_be_lost_with_a_connection_is_pressed_again(end: End) -> None:
    """Sent just before the connection breaks, falls silent or is left, and never answered: the next server is told."""
    ring = FakeRing(deque([Fate(2.0, end)]), reply_samples=240_000)

    async def press(held: Talk) -> None:
        await asyncio.sleep(2.01)  # it arrives at 2.04, and the connection ends at 2.03
        held.conversation.interrupt()
        await resumed(ring)
        before = len(ring.of("interrupt"))
        await asyncio.sleep(0.1)
        assert ring.present is not None
        assert len(ring.of("interrupt")) == before + 1
        ring.present._say(flush=wire.Flush(seq=1, floor=1))
        ring.reply_samples = 0
        await asyncio.sleep(1.5)
        assert len(ring.of("interrupt")) == before + 1

    held = talk(ring, 7, meanwhile=press)
    assert len(held.of(events.Silenced)) == 1


def test_a_stop_key_that_was_answered_is_not_pressed_for_the_next_server() -> None:
    """By then it would stop something else."""
    ring = FakeRing(deque([Fate(2.5)]), reply_samples=240_000)

    async def press(held: Talk) -> None:
        await asyncio.sleep(2)
        held.conversation.interrupt()
        await asyncio.sleep(0.05)
        assert ring.present is not None
        ring.present._say(flush=wire.Flush(seq=1, floor=1))
        ring.reply_samples = 0

    talk(ring, 5, meanwhile=press)
    assert len(ring.opens) == 2
    assert len(ring.of("interrupt")) == 1


def test_keys_are_told_again_as_they_stand() -> None:
    """A microphone that was muted long ago is still muted for the next server."""
    ring = FakeRing(deque([Fate(6.0)]))

    async def mute(held: Talk) -> None:
        await asyncio.sleep(1)
        held.conversation.mute(True)

    talk(ring, 8, meanwhile=mute)
    assert [key.muted for key in ring.of("mute")] == [True, True]


def test_an_answer_to_a_flush_that_may_be_lost_is_given_again() -> None:
    """And the next server is told which verdicts and which sample came last."""
    ring = FakeRing(deque([Fate(2.0), Fate()]), reply_samples=240_000)

    async def flush(_: Talk) -> None:
        await asyncio.sleep(1.5)
        assert ring.present is not None
        ring.present._say(flush=wire.Flush(seq=7, floor=1))
        ring.reply_samples = 0

    talk(ring, 4, meanwhile=flush)
    first, again = ring.of("flushed")
    assert (first.seq, first) == (7, again)
    assert ring.opens[1].seq == 7
    assert ring.opens[1].next.reply == 1
    assert first.position < ring.opens[1].next.position
    assert (ring.opens[1].resume, ring.opens[1].protocol) == ("t", 1)


def test_the_next_server_may_cut_what_this_one_said() -> None:
    """A flush that comes first over the new connection silences what is still buffered of the old one."""
    ring = FakeRing(deque([Fate(2.0)]), reply_samples=240_000)

    async def flush(held: Talk) -> None:
        await resumed(ring)
        assert ring.present is not None
        ring.present._say(flush=wire.Flush(seq=3, floor=1))
        ring.reply_samples = 0

    held = talk(ring, 4, meanwhile=flush)
    assert len(held.of(events.Silenced)) == 1
    assert not held.conversation.playout.underway
    played = held.device.recording().assistant()
    assert np.count_nonzero(played) < 2.2 * 24_000


def test_no_duck_outlives_its_connection() -> None:
    """The verdict that would undo it may have been lost with it."""
    ring = FakeRing(deque([Fate(2.0)]), reply_samples=240_000)

    async def duck(held: Talk) -> None:
        await asyncio.sleep(1.8)
        assert ring.present is not None
        ring.present._say(duck=wire.Duck(seq=4, gain_db=-20))
        await resumed(ring)
        assert held.conversation.playout.ducked
        await asyncio.sleep(0.1)
        assert not held.conversation.playout.ducked

    talk(ring, 4, meanwhile=duck)


def test_a_microphone_kept_for_too_long_is_lost_and_told() -> None:
    """A minute is kept; the rest of a longer absence is a hole, and counted."""
    ring = FakeRing(deque([Fate(4.0), Fate(refusals=150)]), resume_s=200)
    held = talk(ring, 140)
    (resumed,) = held.of(events.Resumed)
    assert isinstance(resumed, events.Resumed)
    away_ms = resumed.at.mic_offset / 16 - 4_000
    assert away_ms > 60_200
    assert abs(resumed.lost_ms - (away_ms - 60_000)) < 200
    assert held.conversation.dropped_mic_frames == pytest.approx(resumed.lost_ms / 20, abs=2)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (stream_pb2.Error(code=stream_pb2.Error.CODE_RESUME, message="That session is over."), "That session is over."),
        (None, "one:1 began a new one."),
    ],
)
def test_a_server_that_does_not_know_the_session_ends_it(error: stream_pb2.Error | None, words: str) -> None:
    """No other is asked: the store behind them is one. What happened is told in the server's words."""
    ring = FakeRing(deque([Fate(2.0), Fate(error=error, forgets=True)]))
    with pytest.raises(ConversationBroken, match=f"could not be taken up again: {words}$"):
        talk(ring, 10)
    assert len(ring.opens) == 2


def test_of_several_servers_the_first_that_takes_the_call() -> None:
    """One is away, one is full; the third takes it, and nobody is told of the others."""
    full = stream_pb2.Error(code=stream_pb2.Error.CODE_FULL, message="Full.", retryable=True)
    ring = FakeRing(deque([Fate(refusals=1, error=full), Fate()]))
    held = talk(ring, 1, "one:1,two:2,ws://three:3")
    assert ring.called == ["one:1", "two:2", "ws://three:3"]
    assert [type(event) for event in held.told] == [events.Opened, events.Closed]


def test_when_nobody_takes_the_call_the_last_reason_is_told() -> None:
    """Each was called once."""
    full = stream_pb2.Error(code=stream_pb2.Error.CODE_FULL, message="Full.", retryable=True)
    ring = FakeRing(deque([Fate(error=full), Fate(error=full)]))
    with pytest.raises(ServerRefused) as refused:
        talk(ring, 1, "one:1,two:2")
    assert str(refused.value) == ("The server refused: Full. Trying again may help. (That is the last of 2 servers.)")


def test_a_refusal_that_others_would_repeat_is_final() -> None:
    """What is wrong with the caller is not mended by calling elsewhere."""
    wrong = stream_pb2.Error(code=stream_pb2.Error.CODE_VERSION, message="No such version.")
    ring = FakeRing(deque([Fate(error=wrong)]))
    with pytest.raises(ServerRefused, match=r"^The server refused: No such version\.$"):
        talk(ring, 1, "one:1,two:2")
    assert ring.called == ["one:1"]


def test_where_opus_is_not_allowed_replies_come_as_they_are() -> None:
    """The same server is called again, and from then on PCM16 is asked for; a person's own word is not changed."""
    wrong = stream_pb2.Error(code=stream_pb2.Error.CODE_FORMAT, message="No Opus here.")
    ring = FakeRing(deque([Fate(error=wrong), Fate(2.0), Fate()]), reply_samples=96_000)
    held = talk(ring, 8, "one:1,two:2")
    held.assert_played_whole()
    assert ring.called[:2] == ["one:1", "one:1"]
    assert [is_opus(open_) for open_ in ring.opens] == [True, False, False]
    assert ring.opens[0].client_buffer_ms > ring.opens[1].client_buffer_ms
    ring = FakeRing(deque([Fate(error=wrong)]))
    with pytest.raises(ServerRefused, match="No Opus here"):
        talk(ring, 1, "one:1,two:2", reply_format="opus")
