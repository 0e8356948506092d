"""The real broker over real gRPC, with a real WebSocket to a fake model and a real Redis."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from local.redis_server import free_port
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2 as wire
from services.broker.realtime import model_session
from services.common.errors import ModelFault
from tests.fakes.position_code import track_pcm
from tests.fakes.realtime import FakeRealtime, Reply
from tests.integration.broker_ring import MS, BrokerRing, Vad, model, ring_with

USER, ASSISTANT = session.HistoryItem.ROLE_USER, session.HistoryItem.ROLE_ASSISTANT
FAILED, DONE = wire.StreamEnd.REASON_FAILED, wire.StreamEnd.REASON_DONE


@asynccontextmanager
async def strange_model(behave: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    """A server that takes the call and then does what no Realtime server should; yields its URL."""
    async with serve(behave, "127.0.0.1", 0, compression=None, close_timeout=0.5) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime"


async def refused(ring: BrokerRing, vad: Vad, timeout_s: float = 5) -> wire.Error:
    """The session fails: vad is told why, and both neighbours get a last word. Return the error."""
    error = await vad.error(timeout_s)
    assert (await vad.last_word()).reason == FAILED
    assert (await ring.egress.last_word()).reason == FAILED
    return error


async def test_a_turn() -> None:
    """Speech in, the model's very samples out; question and answer stand in Redis once heard."""
    fake = FakeRealtime([Reply(seconds=2.0, text="It is noon.")], transcripts=["What time is it?"])
    async with ring_with(fake) as ring:
        vad = await ring.dial()
        await vad.ready()
        await vad.turn(1)
        ended = await ring.egress.ended(1)
        assert ended.samples == 2000 * MS
        assert ring.egress.audio_of(1) == track_pcm(1, ended.samples)
        assert abs(len(fake.connections[0].commits[0].audio) // 2 - 300 * MS) <= 1
        progress = (await vad.log.until(lambda r: r.HasField("progress"))).progress
        assert (progress.turn, progress.stage, progress.reply) == (1, broker.TurnProgress.STAGE_REPLYING, 1)
        await vad.log.until(lambda r: r.HasField("answered") and r.answered.turn == 1)
        await ring.egress.played(1, 2000, ended=True)
        items = await ring.history(2)
        assert [(i.role, i.text) for i in items] == [(USER, "What time is it?"), (ASSISTANT, "It is noon.")]
        assert all(item.at_ms for item in items)
        await vad.say(end=wire.StreamEnd(reason=DONE))
        assert (await ring.egress.last_word()).reason == DONE
        await fake.until(lambda: fake.connections[0].closed)


async def test_interruptions_cut_the_models_memory_at_once() -> None:
    """Five in a row: the model is cut to what was heard, and asked again, within 20 ms of the listener's word."""
    fake = FakeRealtime([Reply(seconds=4.0, speed=8)], transcripts=lambda _pcm, nth: f"question {nth}")
    async with ring_with(fake) as ring:
        vad = await ring.dial()
        delays = []
        await vad.turn(1)
        for number in range(1, 6):
            await ring.egress.log.until(lambda r, n=number: r.HasField("audio") and r.audio.reply == n)  # type: ignore[misc]
            await fake.until(lambda n=number: fake.response(n).sent_samples > 1500 * MS)  # type: ignore[misc]
            await ring.egress.played(number, 1000)
            await vad.interrupt(number)
            await ring.egress.log.until(lambda r, n=number: r.HasField("interrupt") and r.interrupt.floor == n)  # type: ignore[misc]
            await vad.turn(number + 1, interruption=True)
            told = time.monotonic()
            await ring.egress.played(number, 1020 + number, seq=number)
            cuts = fake.connections[0].truncations
            await fake.until(lambda n=number, c=cuts: len(c) == n)  # type: ignore[misc]
            delays.append((cuts[-1].at_s - told) * 1000)
            assert cuts[-1].audio_end_ms == 1020 + number
            assert cuts[-1].item_id == fake.response(number).items[0].id
        await ring.egress.ended(6)
        assert fake.connections[0].errors == []
        assert statistics.median(delays) <= 20, delays
        items = await ring.history(11)
        assert [item.text for item in items if item.role == USER] == [f"question {n}" for n in range(6)]
        heard = [(i.reply, i.heard_ms, i.interrupted) for i in items if i.role == ASSISTANT]
        assert heard == [(n, 1020 + n, True) for n in range(1, 6)]


async def test_history_keeps_the_order_of_speaking() -> None:
    """Transcripts slower than the answers: in Redis each question still comes before its answer."""
    fake = FakeRealtime(
        [Reply(seconds=0.5, text="yes")], transcripts=lambda _pcm, nth: f"question {nth}", transcript_delay_ms=400
    )
    async with ring_with(fake) as ring:
        vad = await ring.dial()
        for number in (1, 2):
            await vad.turn(number)
            await ring.egress.ended(number)
            await ring.egress.played(number, 500, ended=True)
        items = await ring.history(4)
        assert [item.text for item in items] == ["question 0", "yes", "question 1", "yes"]


async def test_the_last_words_of_a_session_are_kept() -> None:
    """Hanging up in mid-reply: what was heard by then is in Redis when the broker has let go."""
    fake = FakeRealtime([Reply(seconds=2.0, text="one two three four", speed=20)])
    async with ring_with(fake) as ring:
        vad = await ring.dial()
        await vad.turn(1)
        await ring.egress.ended(1)
        await ring.history(1)
        await ring.egress.played(1, 1000)
        await vad.say(end=wire.StreamEnd(reason=DONE))
        assert (await ring.history(2))[1].text.startswith("one two")


async def test_a_vad_that_sends_what_is_no_audio_is_told_why() -> None:
    """Half a sample in a turn: the broker's own words come back, and then the end, not a stream that breaks off."""
    async with ring_with(FakeRealtime([])) as ring:
        vad = await ring.dial()
        await vad.ready()
        await vad.say(audio=broker.TurnAudio(turn=1, pcm=b"\0" * 321))
        error = await refused(ring, vad)
        assert (error.code, "half a sample" in error.message) == (wire.Error.CODE_PROTOCOL, True)


async def test_the_person_speaks_before_the_model_is_there() -> None:
    """A model that takes half a second to begin: the turn spoken meanwhile is whole, and answered."""

    class Slow(FakeRealtime):
        async def _converse(self, websocket: ServerConnection) -> None:
            await asyncio.sleep(0.5)
            await super()._converse(websocket)

    fake = Slow([Reply(seconds=0.5)])
    async with ring_with(fake) as ring:
        vad = await ring.dial()
        await vad.turn(1)
        await asyncio.sleep(0.1)
        assert not any(response.HasField("ready") for response in vad.log.messages)
        await vad.ready()
        assert (await ring.egress.ended(1)).samples == 500 * MS
        assert abs(len(fake.connections[0].commits[0].audio) // 2 - 300 * MS) <= 1


async def test_a_huge_delta_passes() -> None:
    """A compatible server that gives 30 s in one event: more than a gRPC message takes, and still every sample."""
    fake = FakeRealtime([Reply(seconds=30.0, delta_ms=30_000, speed=1000)])
    async with ring_with(fake) as ring:
        vad = await ring.dial()
        await vad.turn(1)
        assert (await ring.egress.ended(1)).samples == 30_000 * MS
        assert ring.egress.audio_of(1) == track_pcm(1, 30_000 * MS)


async def test_a_model_that_cannot_be_reached(caplog: pytest.LogCaptureFixture) -> None:
    """Told at once, in plain words; the log says what to do; trying again may help."""
    caplog.set_level("INFO")
    async with BrokerRing(model(f"ws://127.0.0.1:{free_port()}/v1/realtime?api-key=secret")) as ring:
        vad = await ring.dial()
        error = await refused(ring, vad, timeout_s=2)
        assert (error.code, error.retryable) == (wire.Error.CODE_MODEL, True)
        assert error.message == "The assistant can't be reached just now. Please try again in a moment."
    assert "can't be reached (" in caplog.text
    assert "PARLEY_MODEL_URL" in caplog.text
    assert "secret" not in caplog.text


async def test_a_model_that_refuses_the_key(caplog: pytest.LogCaptureFixture) -> None:
    """The log names the variable, the person hears nothing of it; trying again doesn't help; the key isn't shown."""
    caplog.set_level("INFO")
    async with ring_with(FakeRealtime(api_key="right"), OPENAI_API_KEY="wrong-key") as ring:
        error = await refused(ring, await ring.dial())
        assert (error.code, error.retryable) == (wire.Error.CODE_MODEL, False)
        assert error.message == "The assistant's model refuses to work just now. Please try again later."
    assert "refused the key (HTTP 401" in caplog.text
    assert "OPENAI_API_KEY" in caplog.text
    assert "wrong-key" not in caplog.text


async def test_a_model_that_is_down_for_a_moment(caplog: pytest.LogCaptureFixture) -> None:
    """A 503 may be over the next time."""
    caplog.set_level("INFO")
    fake = FakeRealtime()
    fake.refuse_connections = True
    async with ring_with(fake) as ring:
        error = await refused(ring, await ring.dial())
        assert error.retryable
    assert "HTTP 503" in caplog.text


async def test_a_model_that_never_begins(caplog: pytest.LogCaptureFixture) -> None:
    """It takes the call and says nothing: the wait has an end, and the log says where to look."""
    caplog.set_level("INFO")

    async def mute(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with strange_model(mute) as url, BrokerRing(model(url, PARLEY_MODEL_CONNECT_S="0.3")) as ring:
        error = await refused(ring, await ring.dial())
        assert error.code == wire.Error.CODE_MODEL
    assert "began no session" in caplog.text
    assert "PARLEY_MODEL_URL" in caplog.text


@pytest.mark.parametrize("code", [1001, 4000])
async def test_a_model_that_hangs_up_before_it_begins(code: int, caplog: pytest.LogCaptureFixture) -> None:
    """A clean close and an unclean one are the same to the person: an error in words, no broken stream."""
    caplog.set_level("INFO")

    async def leave(socket: ServerConnection) -> None:
        await socket.close(code, "not today")

    async with strange_model(leave) as url, BrokerRing(model(url)) as ring:
        error = await refused(ring, await ring.dial())
        assert error.code == wire.Error.CODE_MODEL
        assert "not today" not in error.message
    assert "not today" in caplog.text


async def test_a_model_that_refuses_the_session(caplog: pytest.LogCaptureFixture) -> None:
    """An error instead of session.created, and garbage before it."""
    caplog.set_level("INFO")

    async def refuse(socket: ServerConnection) -> None:
        for message in ("not json", "[1]", b"\xff", '{"type": 7}'):
            await socket.send(message)
        await socket.send('{"type": "error", "error": {"type": "invalid_request_error", "message": "No such voice."}}')
        await socket.wait_closed()

    async with strange_model(refuse) as url, BrokerRing(model(url)) as ring:
        error = await refused(ring, await ring.dial())
        assert "No such voice." not in error.message
        assert not error.retryable
    assert "No such voice." in caplog.text


async def test_a_wrong_first_message() -> None:
    """Each is told what was wrong, in code and words."""
    async with BrokerRing(model("ws://127.0.0.1:9/")) as ring:
        vad = await ring.dial(typed=broker.Typed(turn=1, text="hello"))
        error = await vad.error()
        assert error.code == wire.Error.CODE_PROTOCOL
        assert "open" in error.message
        vad = await ring.dial(open=ring.opening(protocol=99))
        assert (await vad.error()).code == wire.Error.CODE_VERSION
        vad = await ring.dial(open=ring.opening(session=""))
        assert (await vad.error()).code == wire.Error.CODE_PROTOCOL


async def test_a_later_dial_takes_the_session_over() -> None:
    """The earlier stream is told so and ends; an earlier (lease, dial) that wakes late is refused."""
    fake = FakeRealtime([Reply(seconds=0.5)])
    async with ring_with(fake) as ring:
        first = await ring.dial(open=ring.opening(lease=5, dial=1))
        await first.ready()
        second = await ring.dial(open=ring.opening(lease=5, dial=2))
        assert (await first.error()).code == wire.Error.CODE_SUPERSEDED
        assert (await first.last_word()).reason == wire.StreamEnd.REASON_SUPERSEDED
        late = await ring.dial(open=ring.opening(lease=4, dial=9))
        assert (await late.error()).code == wire.Error.CODE_SUPERSEDED
        await second.ready()
        await second.turn(1)
        await ring.egress.ended(1)
        await fake.until(lambda: fake.connections[0].closed and not fake.connections[1].closed)


async def test_an_egress_that_is_not_there() -> None:
    """Vad is told which stage was lost."""
    async with ring_with(FakeRealtime()) as ring:
        nowhere = wire.Route(egress=f"127.0.0.1:{free_port()}")
        vad = await ring.dial(open=ring.opening(route=nowhere))
        error = await vad.error()
        assert (error.code, error.retryable) == (wire.Error.CODE_UNAVAILABLE, True)
        assert "egress" in error.message


async def test_redis_goes_away_in_mid_session() -> None:
    """The conversation goes on, interruptions included, and ends in good time."""
    fake = FakeRealtime([Reply(seconds=1.0)])
    async with ring_with(fake) as ring:
        vad = await ring.dial()
        await vad.turn(1)
        await ring.egress.ended(1)
        await ring.history(1)
        await ring.redis.__aexit__()
        await ring.egress.played(1, 500)
        await vad.interrupt(1)
        await ring.egress.played(1, 510, seq=1)
        await vad.turn(2, interruption=True)
        await ring.egress.ended(2)
        assert [cut.audio_end_ms for cut in fake.connections[0].truncations] == [510]
        await vad.say(end=wire.StreamEnd(reason=DONE))
        await vad.over(timeout_s=4)
        assert (await ring.egress.last_word()).reason == DONE


async def test_no_proxy_stands_between_the_broker_and_a_model_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment is for the world outside."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with FakeRealtime() as fake, model_session(model(fake.url)):
        assert len(fake.connections) == 1
    with pytest.raises(ModelFault, match="can't be reached"):
        async with model_session(model("wss://models.invalid/v1/realtime")):
            pytest.fail("there is no such host")
