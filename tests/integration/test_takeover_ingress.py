"""A hop is lost in mid-conversation: ingress dials it again, elsewhere, and the client hears of nothing."""

from __future__ import annotations

import asyncio

import pytest

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2, stream_pb2
from services.ingress import recovery
from services.ingress.limits import Limits
from tests.integration.bad_input.raw_caller import raw_caller
from tests.integration.takeover_stage import BROKERS, Stage, calling, speaking, stage, told, until

End = stream_pb2.StreamEnd
Code = stream_pb2.Error
CANCEL = session_pb2.Interrupt.KIND_CANCEL


@pytest.mark.parametrize("how", ["crash", "drain", "break"])
async def test_another_vad_hears_everything_from_where_it_wants(how: str) -> None:
    """Each sample once, in order, however the first one went; what it has not acknowledged is sent again."""
    async with stage() as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller, speaking(caller) as person:
            first = ring.vad
            await until(lambda: len(first.last.heard()) > 40)
            await first.say(heard=audio.Heard(mic_offset=20 * 320, received_offset=30 * 320))
            for other in ring.vads:
                other.ready = stream_pb2.StreamReady(hear_from=25 * 320 + 7)
            if how == "crash":
                await first.crash()
            elif how == "drain":
                await first.part(End.REASON_DRAINING)
            else:
                first.last.ending.set()
            second = await until(lambda: next((each for each in ring.vads if each is not first and each.streams), None))
            said = person.mic_offset
            await until(lambda: second.last.heard() and second.last.heard()[-1][1] > said + 10 * 320)
            first.streams[0].assert_gapless(0, 40 * 320)
            second.last.assert_gapless(25 * 320 + 7, said)
            assert (second.last.opened.resumes, second.last.opened.dial) == (True, 2)
            assert second.last.opened.route.broker == first.streams[0].opened.route.broker
            assert second.last.opened.lease == first.streams[0].opened.lease
            assert ingress.calls.statistics()["takeovers_vad"] == 1
            assert not told(caller, "error")
            record = await _written(ring, caller.session, "vad", second.address)
            assert record.dial == 1, "its broker may go on writing"


async def _written(ring: Stage, session: str, stage_: str, address: str) -> session_pb2.SessionRecord:
    async with asyncio.timeout(10):
        while getattr((record := await ring.record(session)).route, stage_) != address:  # noqa: ASYNC110 - in Redis
            await asyncio.sleep(0.05)
    return record


async def test_nothing_is_sent_before_a_vad_is_ready() -> None:
    """Only what opens the stream; what is said meanwhile comes after, in its order, and a key that was pressed last."""
    async with stage() as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller, speaking(caller):
            first = ring.vad
            await until(lambda: first.last.heard())
            second = next(each for each in ring.vads if each is not first)
            second.be_silent()
            await first.crash()
            await until(lambda: second.streams)
            await caller.send(client.ConverseRequest(mute=client.Mute(muted=True)))
            await caller.send(client.ConverseRequest(interrupt=client.ConverseRequest.Interrupt()))
            await caller.send(client.ConverseRequest(say=client.Say(text="hello")))
            await asyncio.sleep(0.3)
            assert {message.WhichOneof("message") for message in second.last.received} <= {"heartbeat"}
            await second.welcome(second.last)
            await until(lambda: second.last.of("interrupt"))
            kinds = [message.WhichOneof("message") for message in second.last.received]
            kept = [kind for kind in kinds if kind in ("mute", "say", "interrupt")]
            assert kept == ["mute", "say", "interrupt"]
            assert second.last.of("say")[0].id
            second.last.assert_gapless(0, 10 * 320)


async def test_a_lost_broker_is_replaced_behind_the_same_vad() -> None:
    """The record says so first, and the cancel that was never settled goes along; the verdicts' numbers leave room."""
    async with stage() as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller, speaking(caller):
            await ring.egress.play(1, 0, 4_800)
            await until(lambda: sum(len(each.pcm) for each in told(caller, "audio")) == 9_600)
            await ring.vad.say(interrupt=session_pb2.Interrupt(seq=3, kind=CANCEL))
            await caller.until("flush")
            await ring.vad.say(peer_lost=stream_pb2.PeerLost(stage="broker", detail="it crashed"))
            await until(lambda: len(ring.vad.streams) == 2)
            before, after = (each.opened for each in ring.vad.streams)
            assert {before.route.broker, after.route.broker} == set(BROKERS)
            assert before.route.vad == after.route.vad
            assert (after.dial, after.seq) == (2, 3 + 16)
            record = await ring.record(caller.session)
            assert (record.dial, record.route.broker) == (2, after.route.broker)
            await until(lambda: ring.vad.last.of("unsettled"))
            assert ring.vad.last.of("unsettled")[0].seq == 3
            assert ring.vad.last.received[0].WhichOneof("message") == "unsettled"
            await until(lambda: ring.egress.last.of("fence"))
            assert ring.egress.last.of("fence")[0].seq == 19
            await until(lambda: ingress.calls.statistics()["takeovers_broker"] == 1)
            assert not told(caller, "error")


async def test_another_egress_goes_on_where_the_client_is() -> None:
    """It is asked for the very next sample, the broker is told where it is, and what comes twice is not heard twice."""
    async with stage() as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller, speaking(caller):
            first = ring.egress
            await first.play(1, 0, 4_800)
            await until(lambda: sum(len(each.pcm) for each in told(caller, "audio")) == 9_600)
            await caller.send(client.ConverseRequest(playback=audio.Playback(reply=1, position=2_400)))
            await until(lambda: first.last.of("playback"))
            await first.crash()
            second = await until(lambda: next((e for e in ring.egresses if e is not first and e.streams), None))
            assert second.last.first.open.next == audio.Playhead(reply=1, position=4_800)
            await until(lambda: second.last.of("playback"))
            await second.play(1, 4_320, 9_600)
            await until(lambda: sum(len(each.pcm) for each in told(caller, "audio")) == 2 * 9_600)
            ends = [(each.position, each.position + len(each.pcm) // 2) for each in told(caller, "audio")]
            assert [start for start, _ in ends] == [0, *(end for _, end in ends[:-1])]
            reroute = (await until(lambda: ring.vad.last.of("reroute")))[0]
            assert (reroute.route.egress, reroute.dial) == (second.address, second.last.opened.dial)
            assert len(ring.vad.streams) == 1, "vad goes on"
            assert ingress.calls.statistics()["takeovers_egress"] == 1
            await _written(ring, caller.session, "egress", second.address)


async def test_the_broker_s_word_on_egress_counts_unless_it_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ingress still reaches egress and the broker does not, another one is dialled; an echo of that is not."""
    async with stage() as ring:
        ingress = await ring.ingress()
        monkeypatch.setattr(recovery, "SAME_LOSS_S", 0.3)
        async with calling(ingress) as caller, speaking(caller):
            first = ring.egress
            lost = stream_pb2.PeerLost(stage="egress", detail="it can't be reached")
            await asyncio.sleep(0.4)
            await ring.vad.say(peer_lost=lost)
            second = await until(lambda: next((e for e in ring.egresses if e is not first and e.streams), None))
            await until(lambda: ring.vad.last.of("reroute"))
            await ring.vad.say(peer_lost=lost)
            await asyncio.sleep(0.2)
            assert ring.egress is second
            assert len(ring.vad.last.of("reroute")) == 1
            assert len(ring.vad.streams) == 1


async def test_two_at_once_are_replaced() -> None:
    """Vad and egress die together."""
    async with stage() as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller, speaking(caller):
            lost = ring.vad, ring.egress
            await asyncio.gather(*(each.crash() for each in lost))
            await until(lambda: ring.vad is not lost[0] and ring.egress is not lost[1])
            await until(lambda: ring.vad.last.heard())
            route = ring.vad.last.opened.route
            rerouted = [each.route.egress for each in ring.vad.last.of("reroute")]
            assert ring.egress.address in (route.egress, *rerouted)
            assert not told(caller, "error")


async def test_one_that_was_started_again_at_its_address_is_found() -> None:
    """Where there is only one of each, its next life takes over."""
    async with stage(vads=1, egresses=1) as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller, speaking(caller) as person:
            for player in (*ring.vads, *ring.egresses):
                await player.crash()
            await asyncio.sleep(0.5)
            for player in (*ring.vads, *ring.egresses):
                await player.begin()
            await until(lambda: len(ring.vad.streams) > 1 and len(ring.egress.streams) > 1)
            said = person.mic_offset
            await until(lambda: ring.vad.last.heard() and ring.vad.last.heard()[-1][1] > said)
            assert not told(caller, "error")


async def test_who_is_never_ready_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the stream and says nothing: the next one is asked."""
    monkeypatch.setattr(recovery, "ATTEMPT_S", 0.5)
    async with stage(vads=3) as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller, speaking(caller):
            first = ring.vad
            others = [each for each in ring.vads if each is not first]
            for other in others:
                other.be_silent()
            await first.crash()
            await until(lambda: any(each.streams for each in others))
            late = next(each for each in others if each.streams)
            for other in others:
                if other is not late:
                    other.answer = other.welcome
            await until(lambda: ring.vad.last.heard())
            assert ring.vad not in (first, late)
            assert not told(caller, "error")


async def test_nobody_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while the client is told, and may try again."""
    monkeypatch.setattr(recovery, "RECOVER_S", 1.0)
    async with stage() as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller:
            await asyncio.gather(*(each.crash() for each in ring.vads))
            await caller.hear()
            (error,) = told(caller, "error")
            assert (error.code, error.retryable) == (Code.CODE_UNAVAILABLE, True)
            assert "nobody took over" in error.message


@pytest.mark.parametrize(
    ("code", "retryable"), [(Code.CODE_MODEL, True), (Code.CODE_PROTOCOL, False), (Code.CODE_INTERNAL, False)]
)
async def test_what_would_go_wrong_elsewhere_too_ends_the_session(
    code: stream_pb2.Error.Code.ValueType, retryable: bool
) -> None:
    """As it was told, at once."""
    async with stage() as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller:
            await ring.vad.say(error=stream_pb2.Error(code=code, message="so it is", retryable=retryable))
            await caller.hear()
            assert [(each.code, each.message) for each in told(caller, "error")] == [(code, "so it is")]
            assert sum(len(each.streams) for each in ring.vads) == 1


async def test_a_session_that_breaks_programs_is_given_up() -> None:
    """A fault in a stage may be another's next; not for ever."""
    async with stage() as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller:
            for each in ring.vads:
                each.refuse(Code.CODE_INTERNAL)
            await ring.vad.say(error=stream_pb2.Error(code=Code.CODE_INTERNAL, message="no", retryable=True))
            await caller.hear()
            assert [each.code for each in told(caller, "error")] == [Code.CODE_INTERNAL]
            assert sum(len(each.streams) for each in ring.vads) == 1 + recovery.INTERNAL_FAULTS


@pytest.mark.parametrize("which", ["vads", "egresses"])
@pytest.mark.parametrize("how", ["dead", "full"])
async def test_a_session_opens_around_who_is_dead_or_full(which: str, how: str) -> None:
    """The caller waits a little longer, and that is all."""
    async with stage() as ring:
        ingress = await ring.ingress()
        bad = getattr(ring, which)[0]
        if how == "dead":
            await bad.crash()
        else:
            bad.refuse(Code.CODE_FULL)
        for _ in range(4):
            async with calling(ingress) as caller:
                assert not told(caller, "error")


async def test_a_session_opens_nowhere() -> None:
    """Where everybody is full the caller is told so at once."""
    async with stage() as ring:
        ingress = await ring.ingress()
        for each in ring.vads:
            each.refuse(Code.CODE_FULL)
        async with raw_caller("grpc", ingress) as caller:  # type: ignore[arg-type]
            await caller.send(client.ConverseRequest(open=client.Open(protocol=1)))
            await caller.hear()
            assert [(each.code, each.retryable) for each in told(caller, "error")] == [(Code.CODE_FULL, True)]
        await until(lambda: not len(ingress.calls))


async def test_a_broker_or_vad_that_ends_the_session_ends_it() -> None:
    """`done` is no loss."""
    async with stage() as ring:
        ingress = await ring.ingress(Limits(resume_s=0))
        async with calling(ingress) as caller:
            await ring.vad.part(End.REASON_DONE)
            await caller.hear()
            assert not told(caller, "error")
            assert told(caller, "closed")


async def test_who_was_superseded_ends_and_says_so() -> None:
    """Somebody has taken the session over; nothing is dialled again, and nothing in Redis is touched."""
    async with stage() as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller:
            await ring.vad.part(End.REASON_SUPERSEDED)
            await caller.hear()
            assert [each.code for each in told(caller, "error")] == [Code.CODE_SUPERSEDED]
            assert sum(len(each.streams) for each in ring.vads) == 1
            assert await ring.store.unrenewed_s(caller.session) is not None
            await until(lambda: ring.egress.last.of("end"))
            assert ring.egress.last.of("end")[0].reason == End.REASON_SUPERSEDED
