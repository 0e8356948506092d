"""The model's connection ends, at any moment and in any way: nothing is lost, nothing said twice, the session lives."""

from __future__ import annotations

import asyncio
import time

import pytest

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import stream_pb2 as wire
from services.broker import model_line
from tests.fakes.realtime import ABORT, Call, Drop, FakeRealtime, Message, Refuse, Reply, ReplyRequest, orphans
from tests.integration.broker_ring import BrokerRing, agent
from tests.integration.speaker import Speaker
from tests.integration.talk import Talk, talk_with, understood
from tests.integration.tools import Bench

ANSWER = [f"word{n}" for n in range(12)]
"""What the model answers to anything."""

PER_WORD_S = 0.25
LOST = model_line.TRIES


def teller(request: ReplyRequest) -> Reply:
    """A model that answers with all of `ANSWER`; told to go on after a fault, with what it doesn't remember of it."""
    said: list[str] = []
    if "fault" in request.instructions:
        memory = request.connection.memory
        last_user = max(i for i, item in enumerate(memory) if item.role == "user")
        said = " ".join(item.text for item in memory[last_user:] if item.role == "assistant").split()
    words = ANSWER[len(said) :]
    return Reply(seconds=len(words) * PER_WORD_S, text=" ".join(words), captions="aligned", speed=8.0, delta_ms=50)


def fake_of(*drops: Drop, replies: object = teller, **more: object) -> FakeRealtime:
    """A fake that understands each turn by its sound, and ends connections so."""
    return FakeRealtime(replies, transcribe=understood, faults=drops, **more)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between the tries a tenth as long, so that a test doesn't take half a minute."""
    monkeypatch.setattr(model_line, "PAUSES_S", tuple(pause / 10 for pause in model_line.PAUSES_S))


def told_words(talk: Talk, turn: int) -> list[str]:
    """All words of the answer to a turn that were heard, over all its replies."""
    replies = [m.progress.reply for m in talk.vad.log.messages if m.HasField("progress") and m.progress.turn == turn]
    return [word for reply in sorted(set(replies)) if reply for word in talk.heard_words(reply).split()]


async def two_turns(talk: Talk) -> None:
    """Two turns, each answered word for word, and a true memory."""
    for turn in (1, 2):
        await talk.say()
        await whole(talk, turn)
    await talk.assert_true()


async def whole(talk: Talk, turn: int) -> None:
    """Wait until an answer has been heard, every word of it once."""
    await talk.until(lambda: len(told_words(talk, turn)) >= len(ANSWER) and talk.speaker.is_quiet)
    assert told_words(talk, turn) == ANSWER


@pytest.mark.parametrize("code", [1000, 1001, ABORT, 1011, 1012, 1013])
async def test_a_connection_that_ends_in_the_middle_of_a_reply(code: int) -> None:
    """By whatever code: what was received is heard, the model goes on from there, and the client was told."""
    drop = Drop(after="response.output_audio.delta", nth=20, code=code)
    async with talk_with(fake_of(drop), agent) as talk:
        await two_turns(talk)
        assert len(talk.fake.connections) == 2
        notices = [m.notice.code for m in talk.vad.log.messages if m.HasField("notice")]
        assert notices == [client.Notice.CODE_MODEL_RECONNECTING]


@pytest.mark.parametrize(
    "drop",
    [
        Drop(before="response.output_audio.delta", nth=20, half_a_frame=True),
        Drop(before="response.output_audio.delta"),
        Drop(after="response.output_audio_transcript.delta"),
        Drop(after="response.output_item.done"),
        Drop(before="response.done"),
        Drop(after="response.created", code=1012),
        Drop(before="response.create"),
        Drop(after="response.create"),
        Drop(before="input_audio_buffer.commit"),
        Drop(before="input_audio_buffer.committed"),
        Drop(after="input_audio_buffer.committed"),
        Drop(after="conversation.item.input_audio_transcription.completed"),
        Drop(before="input_audio_buffer.append", nth=2),
        Drop(after="response.output_audio.delta", nth=30, expired=True),
    ],
    ids=lambda drop: f"{'before' if drop.before else 'after'} {drop.before or drop.after}",
)
async def test_a_connection_that_ends_at_any_moment_of_a_turn(drop: Drop) -> None:
    """From the first sound of the turn to the last word of its answer: asked again from the sound that was kept."""
    async with talk_with(fake_of(drop), agent) as talk:
        await two_turns(talk)
        assert drop.has_happened
        assert len(talk.fake.connections) == 2


async def test_words_that_ran_ahead_of_their_sound_are_not_remembered() -> None:
    """A real model captions seconds ahead: of a reply that breaks off, only what there was sound for was said."""
    answer = Reply(seconds=3.0, text=" ".join(ANSWER), captions="ahead", speed=8.0, delta_ms=50)
    fake = fake_of(Drop(after="response.output_audio.delta", nth=20), replies=[answer])
    async with talk_with(fake, lambda url: agent(url, PARLEY_TRANSCRIPT_TIMING="ahead")) as talk:
        await talk.say()
        await talk.until(lambda: 2 in talk.speaker.ended and talk.speaker.is_quiet)
        assert len(talk.response(1).items[0].words) == len(ANSWER), "it had captioned all of it"
        broken_off = (await talk.history(3))[1]
        assert broken_off.heard_ms == 1000
        assert " ".join(ANSWER).startswith(broken_off.text)
        assert 1 <= len(broken_off.text.split()) <= 5, broken_off.text
        told = [item.text for item in talk.fake.memory() if item.role == "assistant" and item.audio_ms is None]
        assert told == [broken_off.text]


async def test_a_connection_that_ends_while_nothing_happens() -> None:
    """After a turn: the new one remembers it as text, in order, and the next is answered."""
    async with talk_with(fake_of(), agent) as talk:
        await talk.say()
        await whole(talk, 1)
        await talk.history(2)
        await talk.fake.connections[0].close(1001)
        await talk.fake.until(lambda: len(talk.fake.connections) == 2)
        await talk.say()
        await whole(talk, 2)
        await talk.assert_true()
        first, *rest = talk.fake.memory()
        assert first.role == "system"
        assert [item.told for item in rest] == [
            ("user", "question 1"),
            ("assistant", " ".join(ANSWER)),
            ("user", "question 2"),
            ("assistant", " ".join(ANSWER)),
        ]


async def test_a_connection_that_ends_while_the_person_speaks() -> None:
    """The turn is whole: what was said before, during and after."""
    async with talk_with(fake_of(), agent) as talk:
        await talk.begin(4)
        await talk.fake.until(lambda: talk.fake.connections[0].received_of("input_audio_buffer.append"))
        talk.fake.connections[0].abort()
        await talk.go_on(3)
        await talk.fake.until(lambda: len(talk.fake.connections) == 2)
        await talk.go_on(2)
        await talk.finish()
        await whole(talk, 1)
        (turn,) = talk.fake.connections[1].commits
        assert abs(len(turn.audio) / 48 - 900) <= 1
        await talk.assert_true()


async def test_turns_that_end_while_there_is_no_connection() -> None:
    """Two of them: both are told to the new model, each once, and answered."""
    async with talk_with(fake_of(), agent) as talk:
        async with talk.fake.away():
            talk.fake.connections[0].abort()
            await asyncio.sleep(0.05)
            await talk.say()
            await talk.say()
        await whole(talk, 2)
        assert len(talk.fake.connections[-1].commits) == 2
        await talk.say()
        await whole(talk, 3)
        await talk.assert_true()


async def test_an_interruption_while_there_is_no_connection() -> None:
    """What was heard until then, and no more, is what the new model is told."""
    async with talk_with(fake_of(), agent, speed=2.0) as talk:
        await talk.say()
        await talk.hear(1, 800)
        async with talk.fake.away():
            talk.fake.connections[0].abort()
            await asyncio.sleep(0.05)
            await talk.interrupt()
        await talk.fake.until(lambda: len(talk.fake.connections) == 2)
        await talk.say(interruption=True)
        await whole(talk, 2)
        assert talk.heard_words(1) in " ".join(ANSWER)
        await talk.assert_true()


async def test_an_interruption_after_the_reply_was_recalled() -> None:
    """A reply of the old connection, told to the new model as text, is cut to what was heard there, too."""
    replies = Reply(seconds=6.0, text=" ".join(ANSWER), captions="aligned", speed=100)
    async with talk_with(fake_of(replies=[replies]), agent, speed=1.5) as talk:
        await talk.say()
        await talk.fake.until(lambda: talk.fake.responses and talk.fake.response(1).done_s)
        await talk.hear(1, 500)
        talk.fake.connections[0].abort()
        await talk.fake.until(lambda: len(talk.fake.connections) == 2 and talk.fake.memory())
        await talk.hear(1, 1500)
        await talk.interrupt()
        await talk.say(interruption=True)
        talk.speaker.slow_down(20)
        await talk.answered()
        await talk.assert_true()


async def test_connection_after_connection() -> None:
    """Four in a row break in the middle of an answer, and four of the next: a whole response lets tries count anew."""
    drops = [Drop(after="response.output_audio.delta", nth=nth, code=1012) for nth in (6, 12, 18, 24, 70, 76, 82, 88)]
    async with talk_with(fake_of(*drops), agent) as talk:
        await two_turns(talk)
        assert len(talk.fake.connections) == 9


@pytest.mark.parametrize("statuses", [[503], [503, 429, 500]])
async def test_a_model_that_is_not_back_at_once(statuses: list[int]) -> None:
    """Turned away a few times, longer and longer in between; then as if nothing had happened."""
    fake = fake_of(Drop(after="response.output_audio.delta", nth=10))
    async with talk_with(fake, agent) as talk:
        fake.door.turns_away.extend(statuses)
        await two_turns(talk)
        assert len(fake.door.knocks_s) == 2 + len(statuses)


async def test_a_new_connection_that_breaks_before_it_has_begun() -> None:
    """Before `session.created`, after it, and while it is being told what went before."""
    drops = [
        Drop(after="response.output_audio.delta", nth=10),
        Drop(before="session.created", connection=1),
        Drop(before="session.updated", connection=2),
        Drop(before="conversation.item.create", nth=2, connection=3),
    ]
    async with talk_with(fake_of(*drops), agent) as talk:
        await two_turns(talk)
        assert len(talk.fake.connections) == 5


async def test_a_call_goes_on_while_the_connection_breaks() -> None:
    """It is carried out once; the new model is told of it together with its result, and goes on from there."""
    bench = Bench(hold=True)

    def script(request: ReplyRequest) -> Reply:
        if any(item.role == "output" for item in request.connection.memory):
            return Reply(seconds=0.5, text="it is noon", captions="aligned")
        return Reply(output=[Message("let me see", 0.5), Call("look", '{"at": "clock"}')], speed=50)

    async with talk_with(fake_of(replies=script), lambda url: agent(url, [bench.tool("look")])) as talk:
        await talk.say()
        await bench.called(1)
        talk.fake.connections[0].abort()
        await talk.fake.until(lambda: len(talk.fake.connections) == 2)
        await talk.until(lambda: talk.fake.connections[1].received_of("conversation.item.create"))
        bench.release()
        await talk.fake.until(lambda: talk.fake.connections[1].responses)
        await talk.answered()
        assert len(bench.calls) == 1
        assert talk.fake.connections[1].results == [(bench.calls[0].call_id, "noon")]
        await talk.assert_true()


async def test_a_connection_that_ends_after_the_tools_have_answered() -> None:
    """Calls and results are there, only the response's last word is not: the new model goes on from the results."""
    bench = Bench()

    def script(request: ReplyRequest) -> Reply:
        if any(item.role == "output" for item in request.connection.memory):
            return Reply(seconds=0.5, text="it is noon", captions="aligned")
        return Reply(output=[Message("let me see", 0.5), Call("look"), Call("look")], speed=50, done_ms=300)

    fake = fake_of(Drop(before="response.done"), replies=script)
    async with talk_with(fake, lambda url: agent(url, [bench.tool("look")])) as talk:
        await talk.say()
        await talk.fake.until(lambda: len(talk.fake.connections) == 2)
        await talk.until(lambda: 2 in talk.speaker.ended and talk.speaker.is_quiet, 5)
        assert len(bench.calls) == 2
        assert len(talk.fake.connections[1].results) == 2
        await talk.assert_true()


async def test_results_of_calls_outlive_connections() -> None:
    """Calls and results of earlier turns are told again, in pairs, whatever connection they were made on."""
    bench = Bench()

    def script(request: ReplyRequest) -> Reply:
        if request.result is not None:
            return Reply(seconds=0.3, text="it is noon", captions="aligned")
        return Reply(output=[Call("look"), Call("look", '{"at": "sun"}')])

    async with talk_with(fake_of(replies=script), lambda url: agent(url, [bench.tool("look")])) as talk:
        for turn in range(1, 4):
            await talk.say()
            await talk.answered()
            talk.fake.connections[-1].abort()
            await talk.fake.until(lambda turn=turn: len(talk.fake.connections) == turn + 1)  # type: ignore[misc]
            await talk.until(lambda turn=turn: len(talk.fake.connections[-1].results) == 2 * turn)  # type: ignore[misc]
        assert orphans(talk.fake.memory()) == []
        assert len(bench.calls) == 6
        await talk.assert_true()


# Before a session expires.


async def test_a_connection_is_replaced_at_a_quiet_moment_before_it_expires() -> None:
    """The new one is made, and told everything, before the old one goes; nobody notices."""
    async with talk_with(fake_of(lifetime_s=4.0), agent) as talk:
        await talk.say()
        await whole(talk, 1)
        await talk.fake.until(lambda: len(talk.fake.connections) == 2 and talk.fake.connections[0].closed)
        old = talk.fake.connections[0]
        assert not any(error["code"] == "session_expired" for error in old.errors)
        await talk.say()
        await whole(talk, 2)
        await talk.assert_true()
        assert not any(m.HasField("notice") for m in talk.vad.log.messages)


async def test_a_busy_connection_is_replaced_when_the_response_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is due in the middle of a response: that is not cut off, and the next turn goes to the new connection."""
    monkeypatch.setattr(model_line, "_EARLY", 0.5)
    slow = Reply(seconds=2.0, text=" ".join(ANSWER), captions="aligned", speed=1.0)
    async with talk_with(fake_of(lifetime_s=8.0, replies=[slow]), agent) as talk:
        await asyncio.sleep(3.2)
        await talk.say()
        old = talk.fake.connections[0]
        await talk.fake.until(lambda: old.closed)
        assert talk.fake.response(1).status == "completed"
        await whole(talk, 1)
        await talk.say()
        await whole(talk, 2)
        assert [len(connection.commits) for connection in talk.fake.connections] == [1, 1]
        await talk.assert_true()


async def test_a_session_that_expires_all_the_same() -> None:
    """No new connection is to be had in time: the session expires, and is made anew when it can be."""
    fake = fake_of(lifetime_s=3.0)
    async with talk_with(fake, agent) as talk:
        await talk.say()
        await whole(talk, 1)
        fake.refuse_connections = True
        await fake.until(lambda: fake.connections[0].closed)
        fake.refuse_connections = False
        await talk.say()
        await whole(talk, 2)
        await talk.assert_true()


# When it doesn't help.


async def test_a_model_that_does_not_come_back() -> None:
    """Five tries, then an apology in words, and an error that says that trying again may help."""
    fake = fake_of(Drop(after="response.output_audio.delta", nth=20))
    async with fake, BrokerRing(agent(fake.url)) as ring:
        vad = await ring.dial()
        await vad.ready()
        talk = Talk(ring, fake, vad, Speaker(ring.egress, 4.0))
        fake.door.turns_away.extend([503] * 20)
        await talk.say()
        error = await vad.error(timeout_s=20)
        assert (error.code, error.retryable) == (wire.Error.CODE_MODEL, True)
        assert (await vad.last_word()).reason == wire.StreamEnd.REASON_FAILED
        sorry = await ring.egress.log.until(lambda r: r.HasField("caption") and "Sorry" in r.caption.text)
        assert sorry.caption.final
        assert len(fake.door.knocks_s) == 1 + LOST
        assert (await talk.history(1))[0].text == "question 1"


async def test_tries_are_further_and_further_apart() -> None:
    """And not all the same: a thousand sessions must not come back at once."""
    fake = fake_of(Drop(after="response.created"))
    async with fake, BrokerRing(agent(fake.url)) as ring:
        vad = await ring.dial()
        await vad.ready()
        began_s = time.monotonic()
        fake.door.turns_away.extend([503] * 20)
        await Talk(ring, fake, vad, Speaker(ring.egress, 4.0)).say()
        await vad.error(timeout_s=20)
        gaps = [later - earlier for earlier, later in zip(fake.door.knocks_s[1:], fake.door.knocks_s[2:], strict=False)]
        assert gaps == sorted(gaps), gaps
        assert fake.door.knocks_s[1] - began_s > 0


@pytest.mark.parametrize(
    "fatal",
    [
        Refuse("response.create", None, type="insufficient_quota", message="You exceeded your current quota."),
        Refuse("response.create", "account_deactivated", message="The account is deactivated."),
        Refuse("session.update", "invalid_api_key", message="Incorrect API key provided.", nth=2),
    ],
    ids=["in the type only", "in the code", "at the new connection"],
)
async def test_what_trying_again_does_not_change_is_not_tried_again(
    fatal: Refuse, caplog: pytest.LogCaptureFixture
) -> None:
    """The account, the key: told at once, in plain words; the log says what is to be seen to."""
    caplog.set_level("INFO")
    drops = [Drop(before="response.create")] if fatal.on == "session.update" else []
    fake = fake_of(*drops)
    fake.faults.plans.append(fatal)
    async with fake, BrokerRing(agent(fake.url)) as ring:
        vad = await ring.dial()
        await vad.ready()
        talk = Talk(ring, fake, vad, Speaker(ring.egress, 4.0))
        await talk.say()
        error = await vad.error()
        await talk.until(lambda: " ended: " in caplog.text)
        assert (error.code, error.retryable) == (wire.Error.CODE_MODEL, False)
        assert error.message == "The assistant's model refuses to work just now. Please try again later."
        assert len(fake.door.knocks_s) == 1 + len(drops)
    assert fatal.message.split(".")[0] in caplog.text


async def test_a_key_that_is_refused_at_the_new_connection() -> None:
    """401: no further try."""
    fake = fake_of(Drop(after="response.created"))
    async with fake, BrokerRing(agent(fake.url)) as ring:
        vad = await ring.dial()
        await vad.ready()
        fake.door.turns_away.extend([401] * 20)
        await Talk(ring, fake, vad, Speaker(ring.egress, 4.0)).say()
        error = await vad.error()
        assert (error.code, error.retryable) == (wire.Error.CODE_MODEL, False)
        assert len(fake.door.knocks_s) == 2


async def test_a_connection_the_beta_protocol_is_refused_on_is_not_made_again() -> None:
    """Close code 4000 says that the next one would end the same way."""
    fake = fake_of(Drop(after="response.created", code=4000, reason="invalid_request_error.beta_api_shape_disabled"))
    async with fake, BrokerRing(agent(fake.url)) as ring:
        vad = await ring.dial()
        await vad.ready()
        await Talk(ring, fake, vad, Speaker(ring.egress, 4.0)).say()
        error = await vad.error()
        assert error.code == wire.Error.CODE_MODEL
        assert len(fake.door.knocks_s) == 1
