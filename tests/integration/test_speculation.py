"""Tentative ends over real gRPC and a real WebSocket: the model's conversation is what it would be without them."""

from __future__ import annotations

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from tests.fakes.position_code import track_pcm
from tests.fakes.realtime import FakeRealtime, Reply
from tests.integration.broker_ring import MS, SPEECH, Vad, ring_with

USER, ASSISTANT = session.HistoryItem.ROLE_USER, session.HistoryItem.ROLE_ASSISTANT


async def guess(vad: Vad, turn: int) -> None:
    """The person speaks for 300 ms and has probably finished."""
    for _ in range(3):
        await vad.say(audio=broker.TurnAudio(turn=turn, pcm=SPEECH))
    await vad.say(turn_ended=broker.TurnEnded(turn=turn, tentative=True, speech_ms=2000, waited_ms=280))


async def test_the_answer_waits_for_the_confirmation() -> None:
    """The model has said all of it by then, and nobody has heard of it; then it goes out whole, after its question."""
    fake = FakeRealtime([Reply(seconds=1.0, text="It is noon.", speed=50)], transcripts=["What time is it?"])
    async with ring_with(fake) as ring:
        vad = await ring.dial()
        await vad.ready()
        await guess(vad, 1)
        await fake.until(lambda: any(response.done_s for response in fake.responses))
        told = [r for r in vad.log.messages if r.HasField("progress") or r.HasField("answered")]
        heard = [r for r in ring.egress.log.messages if r.WhichOneof("message") not in ("open", "heartbeat")]
        assert (told, heard) == ([], [])
        await vad.say(turn_confirmed=broker.TurnConfirmed(turn=1, waited_ms=700, confidence=0.9))
        ended = await ring.egress.ended(1)
        assert ring.egress.audio_of(1) == track_pcm(1, ended.samples)
        assert ended.samples == 1000 * MS
        await ring.egress.played(1, 1000, ended=True)
        items = await ring.history(2)
        assert [(i.role, i.text) for i in items] == [(USER, "What time is it?"), (ASSISTANT, "It is noon.")]


async def test_a_turn_that_goes_on_leaves_no_trace_of_its_first_end() -> None:
    """Taken back before, while and after the model speaks: the turn is left, one item, and one answer."""
    for speed, until_ms in ((6.0, None), (2.0, 100), (50.0, 1000)):
        fake = FakeRealtime([Reply(seconds=1.0, speed=speed)], transcripts=lambda _pcm, nth: f"words {nth}")
        async with ring_with(fake) as ring:
            vad = await ring.dial()
            await vad.ready()
            await guess(vad, 1)
            if until_ms is not None:
                await fake.until(lambda f=fake, ms=until_ms: sum(r.sent_samples for r in f.responses) >= ms * MS)  # type: ignore[misc]
            await vad.say(turn_resumed=broker.TurnResumed(turn=1))
            await vad.turn(1)
            ended = await ring.egress.ended(2)
            assert ring.egress.audio_of(2) == track_pcm(2, ended.samples)
            assert ring.egress.audio_of(1) == b""
            connection = fake.connections[0]
            first, whole = connection.commits
            assert abs(len(whole.audio) // 2 - 600 * MS) <= 1
            assert whole.audio[: 290 * MS * 2] == first.audio[: 290 * MS * 2]
            assert set(connection.deletions) == {first.id, *(item.id for item in fake.response(1).items)}
            assert {error["code"] for error in connection.errors} <= {"response_cancel_not_active"}, "a race is benign"
            items = await ring.history(1)
            assert [item.text for item in items] == ["words 1"]
