"""A client loses its connection and comes back with its token: at either door, at any ingress, to the same sample."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import stream_pb2
from services.ingress.inbox import Inbox
from services.ingress.limits import Limits
from services.ingress.resumption import resumable
from tests.integration.bad_input.raw_caller import DOORS, RawCaller, raw_caller
from tests.integration.takeover_stage import Ingress, calling, speaking, stage, told, until

Code = stream_pb2.Error
End = stream_pb2.StreamEnd
Closed = client.Closed


def token(caller: RawCaller) -> str:
    """What a caller was given to come back with."""
    (opened,) = told(caller, "opened")
    assert opened.resume_token.startswith(opened.session)
    return str(opened.resume_token)


async def refused(ingress: Ingress, shown: str, door: str = "grpc") -> stream_pb2.Error:
    """Try to resume; return what was said."""
    async with raw_caller(door, ingress) as caller:  # type: ignore[arg-type]
        await caller.send(client.ConverseRequest(open=client.Open(protocol=1, resume=shown)))
        await caller.hear()
    (error,) = told(caller, "error")
    return error  # type: ignore[no-any-return]


async def parked(ingress: Ingress, count: int = 1) -> None:
    """Wait until so many sessions wait for their clients."""
    await until(lambda: len(ingress.calls._house.parked) == count)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_a_broken_connection_is_not_the_end(door: str, where: str) -> None:
    """The ring waits; the microphone goes on at the sample that vad lacks, the reply at the one the client lacks."""
    async with stage() as ring:
        first = await ring.ingress()
        second = first if where == "here" else await ring.ingress()
        async with calling(first, door) as caller, speaking(caller):
            await ring.egress.play(1, 0, 4_800)
            await until(lambda: len(ring.vad.last.heard()) > 20)
            await ring.vad.say(heard=audio.Heard(mic_offset=15 * 320, received_offset=18 * 320))
            await caller.until("heard")
            assert told(caller, "heard")[0].received_offset == 15 * 320
            await caller.vanish()
        await parked(first)
        assert not ring.vad.last.over
        name, vad_stream, egress_stream = caller.session, ring.vad.last, ring.egress.last
        received = vad_stream.heard()[-1][1]
        for each in ring.vads:
            each.ready = stream_pb2.StreamReady(hear_from=received)
        comes_back = {"resume": token(caller), "next": audio.Playhead(reply=1, position=2_400)}
        async with calling(second, door, **comes_back) as again:
            (opened,) = told(again, "opened")
            assert (opened.session, opened.resumed, opened.mic_offset) == (name, True, received)
            assert opened.resume_token == comes_back["resume"]
            assert ring.vad.last.opened.resumes
            assert ring.vad.last.opened.lease > vad_stream.opened.lease
            assert ring.vad.last.opened.route == vad_stream.opened.route
            assert ring.egress.last.first.open.next == comes_back["next"]
            await ring.egress.play(1, 2_400, 4_800)
            async with speaking(again, received - 640):
                await until(lambda: len(ring.vad.last.heard()) > 10)
            ring.vad.last.assert_gapless(received, received + 10 * 320)
            await until(lambda: told(again, "audio"))
            assert told(again, "audio")[0].position == 2_400
            await again.send(client.ConverseRequest(end=client.End()))
            await again.hear()
            assert not told(again, "error")
        await until(lambda: not len(first.calls) and not len(second.calls))
        assert vad_stream.of("end") == [] or vad_stream.of("end")[0].reason == End.REASON_SUPERSEDED
        assert egress_stream.of("end") == [] or egress_stream.of("end")[0].reason == End.REASON_SUPERSEDED
        counted = first.calls.statistics() + (
            second.calls.statistics() if second is not first else first.calls.counters
        )
        assert counted["parked"] >= 1
        assert counted["resumed"] >= 1
        assert not [name for name in counted if name.startswith("fault_")]
        assert await ring.store.unrenewed_s(name) is None, "nobody holds it any more"


async def test_what_another_vad_might_want_is_asked_of_the_client_again() -> None:
    """The vad that goes on has heard it, and is given nothing twice; but it may die next, and then another one is."""
    async with stage() as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller, speaking(caller):
            await until(lambda: len(ring.vad.last.heard()) > 20)
            await caller.vanish()
        received = ring.vad.last.heard()[-1][1]
        keeps = received - 10 * 320
        for each in ring.vads:
            each.ready = stream_pb2.StreamReady(hear_from=received, keep_from=keeps)
        async with calling(ingress, resume=token(caller)) as again:
            assert told(again, "opened")[0].mic_offset == keeps
            async with speaking(again, keeps):
                await until(lambda: len(ring.vad.last.heard()) > 5)
                ring.vad.last.assert_gapless(received, received + 5 * 320)
                first, streams = ring.vad, [len(each.streams) for each in ring.vads]
                for each in ring.vads:
                    each.ready = stream_pb2.StreamReady(hear_from=keeps)
                await first.crash()
                await until(lambda: [len(each.streams) for each in ring.vads] != streams)
                second = next(each for each, had in zip(ring.vads, streams, strict=True) if len(each.streams) > had)
                await until(lambda: second.last.heard() and second.last.heard()[-1][1] > received)
            second.last.assert_gapless(keeps, received)


async def test_a_client_that_comes_back_before_it_was_missed() -> None:
    """Its old connection still stands, somewhere: it is told that it was taken over, and the session goes on."""
    async with stage() as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller, calling(ingress, resume=token(caller)) as again:
            await caller.hear()
            assert [each.code for each in told(caller, "error")] == [Code.CODE_SUPERSEDED]
            assert told(again, "opened")[0].resumed
            await until(lambda: len(ingress.calls) == 1)


async def test_what_was_missed_is_made_up_for() -> None:
    """A reply that was cancelled meanwhile is flushed; one that lives goes on; nothing is said before Opened."""
    async with stage() as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller:
            await ring.egress.play(1, 0, 480)
            await ring.store.raise_floor(caller.session, 7, 2)
            await caller.vanish()
        await parked(ingress)
        for playing, seen, expected in ((2, 5, "flush"), (3, 5, "release"), (2, 7, None)):
            where = audio.Playhead(reply=playing, position=0)
            async with calling(ingress, resume=token(caller), next=where, seq=seen) as again:
                await again.send(client.ConverseRequest(heartbeat=stream_pb2.Heartbeat()))
                await ring.egress.play(3, 0, 480)
                await again.until("audio")
                heard = [each.WhichOneof("message") for each in again.responses]
                assert [kind for kind in heard if kind != "heartbeat"] == [
                    each for each in ("opened", expected, "audio") if each
                ]
                if expected == "flush":
                    assert (told(again, "flush")[0].seq, told(again, "flush")[0].floor) == (7, 2)
                await again.vanish()
            await parked(ingress)
        assert ring.vad.last.opened.seq == 7 + 16


async def test_both_the_connection_and_vad_are_gone() -> None:
    """The client's next one finds another vad."""
    async with stage() as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller:
            await caller.vanish()
        await parked(ingress)
        lost = ring.vad
        await lost.crash()
        async with calling(ingress, resume=token(caller)) as again:
            assert told(again, "opened")[0].resumed
            assert ring.vad is not lost


async def test_what_lies_between_is_bridged() -> None:
    """A client that kept nothing goes on with what it hears now: for the ring the time between was silent."""
    async with stage() as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller, speaking(caller):
            await until(lambda: len(ring.vad.last.heard()) > 5)
            await caller.vanish()
        await parked(ingress)
        received = ring.vad.last.heard()[-1][1]
        ring.vad.ready = stream_pb2.StreamReady(hear_from=received)
        async with calling(ingress, resume=token(caller)) as again, speaking(again, received + 25 * 16_000):
            await until(lambda: len(ring.vad.last.heard()) > 5)
            ring.vad.last.assert_gapless(received, received + 25 * 16_000)
            (gap, *_) = ring.vad.last.of("gap")
            assert gap.ms == 25_000


async def test_a_backlog_may_come_at_once() -> None:
    """Half a minute that was kept is no flood: nothing of it is lost."""
    async with stage() as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller:
            await caller.vanish()
        await parked(ingress)
        async with calling(ingress, resume=token(caller)) as again, speaking(again) as person:
            await person.stop()
            for _ in range(30 * 50):
                await person.say()
            await until(lambda: ring.vad.last.heard()[-1][1] > 30 * 16_000)
            ring.vad.last.assert_gapless(0, 30 * 16_000)
            assert not told(again, "error")


@pytest.mark.parametrize("door", DOORS)
async def test_a_token_that_opens_nothing(door: str) -> None:
    """No token, another secret, a session that is over: the same words, for whoever asks."""
    async with stage() as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller:
            name, _, secret = token(caller).partition(".")
            wrong = secret[:-1] + ("A" if secret[-1] != "A" else "B")
            errors = [await refused(ingress, shown, door) for shown in ("x", f"{'0' * 32}.{secret}", f"{name}.{wrong}")]
            assert not told(caller, "error"), "who is guessed at does not notice"
            await caller.send(client.ConverseRequest(end=client.End()))
            await caller.hear()
        await until(lambda: not len(ingress.calls))
        errors.append(await refused(ingress, f"{name}.{secret}", door))
        assert {(each.code, each.retryable) for each in errors} == {(Code.CODE_RESUME, False)}
        assert len({each.message for each in errors}) == 1
        assert "without `resume`" in errors[0].message


async def test_nobody_comes_back() -> None:
    """After its time the session ends, as if the client had hung up."""
    async with stage() as ring:
        ingress = await ring.ingress(Limits(resume_s=1))
        async with calling(ingress) as caller:
            assert told(caller, "opened")[0].resume_s == 1
            await caller.vanish()
        await parked(ingress)
        await until(lambda: not len(ingress.calls))
        assert [each.reason for each in ring.vad.last.of("end")] == [End.REASON_DONE]
        assert (await refused(ingress, token(caller))).code == Code.CODE_RESUME
        counted = ingress.calls.statistics()
        assert (counted["parked"], counted["parked_lost"]) == (1, 1)


async def test_where_sessions_do_not_wait() -> None:
    """`PARLEY_RESUME_S=0`: a broken connection is the end, there is no token, and none is taken."""
    async with stage() as ring:
        ingress = await ring.ingress(Limits(resume_s=0))
        async with calling(ingress) as caller:
            (opened,) = told(caller, "opened")
            assert (opened.resume_token, opened.resume_s) == ("", 0)
            await caller.vanish()
        await until(lambda: not len(ingress.calls))
        await until(lambda: ring.vad.last.of("end"))
        assert ring.vad.last.of("end")[0].reason == End.REASON_FAILED
        assert "keeps no session" in (await refused(ingress, "x")).message


@pytest.mark.parametrize("door", DOORS)
async def test_a_client_that_says_nothing_may_come_back(door: str) -> None:
    """It may have been asleep: it is told what was missed of it, and that it may resume."""
    async with stage() as ring:
        ingress = await ring.ingress(Limits(client_silent_s=1))
        async with calling(ingress, door) as caller:
            await caller.hear()
            (error,) = told(caller, "error")
            assert (error.code, error.retryable) == (Code.CODE_LIMIT, True)
            assert "resume this session" in error.message
            assert caller.kinds()[-2:] == ["error", "closed"]
        await parked(ingress)
        async with calling(ingress, door, resume=token(caller)) as again:
            assert told(again, "opened")[0].resumed


async def test_who_waits_gives_way_to_who_is_here() -> None:
    """The oldest first; those whose clients are here stay."""
    async with stage() as ring:
        ingress = await ring.ingress(Limits(max_sessions=2))
        async with calling(ingress) as here:
            async with calling(ingress) as gone:
                await gone.vanish()
            await parked(ingress)
            async with calling(ingress) as newcomer:
                assert told(newcomer, "opened")
                assert not told(here, "error")
                async with raw_caller("grpc", ingress) as another:  # type: ignore[arg-type]
                    await another.send(client.ConverseRequest(open=client.Open(protocol=1)))
                    await another.hear()
                    assert [each.code for each in told(another, "error")] == [Code.CODE_FULL]
                assert (await refused(ingress, token(gone))).code in (Code.CODE_RESUME, Code.CODE_FULL)
        assert ingress.calls.statistics()["parked_given_way"] == 1


async def test_who_comes_back_has_its_place() -> None:
    """A full house does not keep a client from its own session."""
    async with stage() as ring:
        ingress = await ring.ingress(Limits(max_sessions=1))
        async with calling(ingress) as caller:
            await caller.vanish()
        await parked(ingress)
        async with calling(ingress, resume=token(caller)) as again:
            assert told(again, "opened")[0].resumed


async def test_an_ingress_that_stops_leaves_its_sessions_to_others() -> None:
    """Draining, a moment to go elsewhere, then Closed; either way another ingress goes on with the session."""
    async with stage() as ring:
        first, second = await ring.ingress(Limits(drain_s=1)), await ring.ingress()
        async with calling(first) as leaves, calling(first) as stays:
            draining = asyncio.create_task(first.calls.drain())
            await leaves.until("draining")
            async with calling(second, resume=token(leaves)) as left:
                assert told(left, "opened")[0].resumed
                await stays.hear()
                assert [each.code for each in told(stays, "closed")] == [Closed.CODE_DRAINING]
                assert not told(stays, "error")
                await draining
                assert not len(first.calls)
                ends = [each.of("end")[-1].reason for vad in ring.vads for each in vad.streams if each.of("end")]
                assert set(ends) <= {End.REASON_DRAINING, End.REASON_SUPERSEDED}
                async with calling(second, resume=token(stays)) as stayed:
                    assert told(stayed, "opened")[0].resumed
                    assert len(second.calls) == 2


@pytest.mark.parametrize("how", ["lost again", "drained"])
@pytest.mark.parametrize("door", DOORS)
async def test_what_goes_wrong_while_a_client_comes_back_is_not_the_end_either(door: str, how: str) -> None:
    """The ring does not stand yet, and its connection breaks again, or this ingress is stopped, too."""
    async with stage() as ring:
        first, second = await ring.ingress(Limits(drain_s=0.1)), await ring.ingress()
        async with calling(first, door) as caller:
            await caller.vanish()
        await parked(first)
        for vad in ring.vads:
            vad.be_silent()
        async with raw_caller(door, first) as again:  # type: ignore[arg-type]
            await again.send(client.ConverseRequest(open=client.Open(protocol=1, resume=token(caller))))
            await until(lambda: first.calls.counters["resumed"] == 1)
            if how == "drained":
                await first.calls.drain()
                await again.hear()
                assert [each.code for each in told(again, "closed")] == [Closed.CODE_DRAINING]
            else:
                await again.vanish()
                await parked(first)
            assert not told(again, "opened")
        for vad in ring.vads:
            vad.answer = vad.welcome
        async with calling(second, door, resume=token(caller)) as at_last:
            assert told(at_last, "opened")[0].resumed
            assert at_last.session == caller.session


@pytest.mark.parametrize("door", DOORS)
async def test_a_call_that_was_given_up_takes_nothing_away(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ingress that was slow to answer goes on with it when its client has its session elsewhere: it stays there."""
    async with stage() as ring:
        slow, second = await ring.ingress(), await ring.ingress()
        async with calling(slow, door) as caller:
            await caller.vanish()
        await parked(slow)
        asked, awake = asyncio.Event(), asyncio.Event()

        async def sleepy(*arguments: Any) -> Any:
            found = await resumable(*arguments)
            if not asked.is_set():
                asked.set()
                await awake.wait()
            return found

        answer, lines = slow.calls.answer, list[Inbox[client.ConverseRequest]]()

        async def watched(requests: Inbox[client.ConverseRequest], *others: Any) -> None:
            lines.append(requests)
            await answer(requests, *others)

        monkeypatch.setattr("services.ingress.call.resumable", sleepy)
        monkeypatch.setattr(slow.calls, "answer", watched)
        async with raw_caller(door, slow) as given_up:  # type: ignore[arg-type]
            await given_up.send(client.ConverseRequest(open=client.Open(protocol=1, resume=token(caller))))
            await asked.wait()
            await given_up.vanish()
        async with calling(second, door, resume=token(caller)) as again:
            assert told(again, "opened")[0].resumed
            await until(lambda: lines[0].is_closed)  # that the connection has gone is noticed
            awake.set()
            await asyncio.sleep(0.3)
            assert (await ring.record(again.session)).ingress == second.ingress
            assert not told(again, "error")
        assert slow.calls.counters["resumed"] == 0


async def test_an_ingress_that_wakes_up_late_changes_nothing() -> None:
    """Its session was taken up elsewhere: it can write nothing, ends by itself, and leaves the lease alone."""
    async with stage() as ring:
        first, second = await ring.ingress(), await ring.ingress()
        async with calling(first) as caller, calling(second, resume=token(caller)) as again:
            await caller.hear()
            assert [each.code for each in told(caller, "error")] == [Code.CODE_SUPERSEDED]
            await until(lambda: not len(first.calls))
            record = await ring.record(again.session)
            assert record.ingress == second.ingress
            assert await ring.store.unrenewed_s(again.session) is not None


async def test_the_clocks_of_the_microphone_stay_together() -> None:
    """A hiccup was bridged by silence before the break: the client is asked for its own samples, not for later ones."""
    async with stage() as ring:
        ingress = await ring.ingress()
        other = await ring.ingress()
        async with calling(ingress) as caller:
            async with speaking(caller) as person:
                await until(lambda: len(ring.vad.last.heard()) > 5)
            await asyncio.sleep(3.0)  # longer than what was said may be on its way
            async with speaking(caller, person.mic_offset) as person:
                said = person.mic_offset
                await until(lambda: person.mic_offset > said + 60 * 320)
            await asyncio.sleep(0.1)
            received = ring.vad.last.heard()[-1][1]
            assert received > person.mic_offset + 8_000
            await caller.vanish()
        await parked(ingress)
        for each in ring.vads:
            each.ready = stream_pb2.StreamReady(hear_from=received)
        await asyncio.sleep(1.5)
        async with calling(other, resume=token(caller)) as again, speaking(again, person.mic_offset):
            wanted = told(again, "opened")[0].mic_offset
            assert wanted == person.mic_offset
            await until(lambda: len(ring.vad.last.of("audio")) > 5)
            ring.vad.last.assert_gapless(received, received + 5 * 320)


async def test_a_session_whose_record_redis_has_lost_can_be_resumed() -> None:
    """It is written again within a moment."""
    async with stage() as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller:
            await ring.store._redis.flushall()
            async with asyncio.timeout(10):
                while await ring.store.read_record(caller.session) is None:  # noqa: ASYNC110 - in Redis
                    await asyncio.sleep(0.05)
            await caller.vanish()
        await parked(ingress)
        async with calling(ingress, resume=token(caller)) as again:
            assert told(again, "opened")[0].resumed


async def test_the_ring_hangs_up_on_nobody() -> None:
    """While the client is away the broker may end it: there is nobody to be told, and it is over."""
    async with stage() as ring:
        ingress = await ring.ingress()
        async with calling(ingress) as caller:
            await caller.vanish()
        await parked(ingress)
        await ring.vad.say(hangup=stream_pb2.Hangup(reason=stream_pb2.Hangup.REASON_SILENCE))
        await until(lambda: not len(ingress.calls))
        assert (await refused(ingress, token(caller))).code == Code.CODE_RESUME
