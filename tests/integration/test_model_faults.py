"""Interruptions at every moment of a response, and a model that errs: the memory is true, and the session lives."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.realtime import (
    HUGGING_FACE,
    SPARSE,
    TALKATIVE,
    Call,
    Face,
    FakeRealtime,
    Lose,
    Message,
    Refuse,
    Reply,
    ReplyRequest,
)
from tests.integration.broker_ring import MS, agent
from tests.integration.talk import ASSISTANT, USER, Talk, talk_with, understood
from tests.integration.tools import Bench

REFUSED = Reply(fail="content_policy_violation", fail_type="invalid_request_error")


def fake_of(replies: object, **more: object) -> FakeRealtime:
    """A fake that understands each turn by its sound."""
    return FakeRealtime(replies, transcribe=understood, **more)  # type: ignore[arg-type]


def reply(seconds: float = 4.0, **more: object) -> Reply:
    """A reply whose words come as their sound begins, as fast as a real model's."""
    return Reply(seconds=seconds, captions="aligned", **{"speed": 20.0, **more})  # type: ignore[arg-type]


async def interrupted(talk: Talk) -> tuple[int, int]:
    """Take the floor, speak, and hear the answer to its end; return what was cut off, and where."""
    cut = await talk.interrupt()
    await talk.say(interruption=True)
    await talk.answered()
    return cut


async def test_interrupted_while_it_is_being_generated() -> None:
    """It is cancelled by its id, cut to the client's clock, and the late deltas are not heard."""
    script = [reply(hold=asyncio.Event(), hold_at_ms=2000, stragglers=3), reply(0.5)]
    async with talk_with(fake_of(script), agent) as talk:
        await talk.say()
        await talk.hear(1, 1000)
        cut, position = await interrupted(talk)
        (connection,) = talk.fake.connections
        assert connection.cancels == [talk.response(1).id]
        (truncation,) = connection.truncations
        assert abs(truncation.audio_end_ms - position / MS) <= 1
        assert cut == 1
        assert connection.errors == []
        await talk.assert_true()


async def test_interrupted_when_it_has_long_been_generated() -> None:
    """As with a real model, which is far ahead: nothing to cancel, all to truncate."""
    async with talk_with(fake_of([reply(speed=200), reply(0.5)]), agent) as talk:
        await talk.say()
        await talk.fake.until(lambda: talk.fake.responses and talk.fake.response(1).done_s)
        await talk.hear(1, 700)
        _, position = await interrupted(talk)
        (connection,) = talk.fake.connections
        assert connection.cancels == []
        assert [abs(cut.audio_end_ms - position / MS) <= 1 for cut in connection.truncations] == [True]
        await talk.assert_true()


async def test_interrupted_before_it_is_created() -> None:
    """Between `response.create` and `response.created`: cancelled as soon as it has an id, and never heard."""
    script = [reply(0.5, speed=50), reply(created_ms=300), reply(0.5)]
    async with talk_with(fake_of(script), agent) as talk:
        await talk.say()
        await talk.answered()
        await talk.say()
        await talk.fake.until(lambda: len(talk.fake.responses) == 2)
        await talk.interrupt()
        await talk.say(interruption=True)
        await talk.answered()
        assert talk.fake.connections[0].cancels == [talk.fake.response(2).id]
        assert 2 not in talk.speaker.given
        await talk.assert_true()


async def test_interrupted_before_anything_was_heard() -> None:
    """Generated, but not a sample played: its item is deleted, not truncated at 0."""
    async with talk_with(fake_of([reply(speed=200), reply(0.5)]), agent, speed=0.001) as talk:
        await talk.say()
        await talk.fake.until(lambda: talk.fake.responses and talk.fake.response(1).done_s)
        await talk.until(lambda: 1 in talk.speaker.given)
        await talk.interrupt()
        talk.speaker.slow_down(4.0)
        await talk.say(interruption=True)
        await talk.answered()
        (connection,) = talk.fake.connections
        assert (connection.deletions, connection.truncations) == ([talk.response(1).items[0].id], [])
        await talk.assert_true()


@pytest.mark.parametrize(("at_ms", "deleted"), [(500, 2), (1500, 1), (2600, 0)])
async def test_interrupted_in_one_of_several_items(at_ms: float, deleted: int) -> None:
    """A commentary and two answers: what was heard whole stays, one is cut, what was not heard goes."""
    output = [Message("let me see", 1.0), Message("it is noon", 1.0), Message("or a little later", 1.0)]
    async with talk_with(fake_of([reply(output=output, speed=200), reply(0.5)]), agent, speed=2.0) as talk:
        await talk.say()
        await talk.hear(1, at_ms)
        _, position = await interrupted(talk)
        (connection,) = talk.fake.connections
        items = talk.response(1).items
        place = int(position / MS // 1000)
        assert connection.deletions == [item.id for item in items[place + 1 :]]
        assert len(connection.deletions) == deleted
        (cut,) = connection.truncations
        assert cut.item_id == items[place].id
        assert abs(cut.audio_end_ms - (position / MS - place * 1000)) <= 1
        await talk.assert_true()


async def test_four_interruptions_in_quick_succession() -> None:
    """Each takes the floor from the answer to the one before; what was heard is remembered, the last is answered."""
    async with talk_with(fake_of([*[reply(speed=50, stragglers=2)] * 4, reply(0.5)]), agent) as talk:
        await talk.say()
        for number in range(1, 5):
            await talk.hear(number, 100)
            await talk.interrupt()
            await talk.say(interruption=True)
        await talk.answered()
        await talk.assert_true()


async def test_four_interruptions_that_wait_for_nobody() -> None:
    """Not even for the answer: verdicts while the model has not said a word."""
    async with talk_with(fake_of([reply(0.5, think_ms=100, created_ms=50)]), agent) as talk:
        await talk.say()
        for _ in range(4):
            await talk.interrupt()
            await talk.say(interruption=True)
            await asyncio.sleep(0.03)
        await talk.answered()
        await talk.assert_true()


async def test_the_last_word_on_an_interrupted_response_comes_late() -> None:
    """`response.done` 600 ms after the cancel: the next is not asked for before, and then it is."""
    script = [reply(hold=asyncio.Event(), hold_at_ms=1000, stragglers=2, done_ms=600), reply(0.5)]
    async with talk_with(fake_of(script), agent) as talk:
        await talk.say()
        await talk.hear(1, 500)
        await interrupted(talk)
        first, second = talk.fake.response(1), talk.fake.response(2)
        assert first.done_s is not None
        assert second.requested_s >= first.done_s
        assert [e["code"] for e in talk.fake.connections[0].errors] == []
        await talk.assert_true()


async def test_interrupted_while_a_tool_is_called() -> None:
    """The call goes on, its result is told, and nobody is answered who has taken the floor since."""
    bench = Bench(hold=True)

    def script(request: ReplyRequest) -> Reply:
        if request.user_text == "question 1" and request.result is None:
            return reply(output=[Message("let me see", 2.0), Call("look", '{"at": "clock"}', pieces=3)], speed=100)
        return reply(0.5)

    async with talk_with(fake_of(script), lambda url: agent(url, [bench.tool("look")])) as talk:
        await talk.say()
        await bench.called(1)
        await talk.hear(1, 300)
        await talk.interrupt()
        await talk.say(interruption=True)
        bench.release()
        await talk.answered()
        (connection,) = talk.fake.connections
        assert connection.results == [(bench.calls[0].call_id, "noon")]
        assert len(talk.fake.responses) == 2
        await talk.assert_true()


async def test_a_call_cut_off_in_the_middle_leaves_no_orphan() -> None:
    """The interruption comes while its arguments are being written: it is neither carried out nor remembered."""
    bench = Bench()
    gate = asyncio.Event()
    output = [Message("let me see", 1.0), Message("", 0.2), Call("look", '{"at": "clock"}')]
    script = [reply(output=output, hold=gate, hold_at_ms=1100), reply(0.5)]
    async with talk_with(fake_of(script), lambda url: agent(url, [bench.tool("look")])) as talk:
        await talk.say()
        await talk.hear(1, 300)
        await interrupted(talk)
        assert bench.calls == []
        await talk.assert_true()


async def test_tools_are_called_and_the_model_goes_on_from_their_results() -> None:
    """Two at once, told in whatever order they come, and asked to go on only when both are there."""
    bench = Bench()

    def script(request: ReplyRequest) -> Reply:
        if request.result is not None:
            return reply(0.5, text="both say noon")
        return Reply(output=[Call("look"), Call("look", '{"at": "sun"}')])

    async with talk_with(fake_of(script), lambda url: agent(url, [bench.tool("look")])) as talk:
        await talk.say()
        await talk.answered()
        assert len(bench.calls) == 2
        assert len(talk.fake.connections[0].results) == 2
        assert len(talk.fake.responses) == 2
        await talk.assert_true()


@pytest.mark.parametrize("face", [SPARSE, TALKATIVE, HUGGING_FACE])
async def test_what_servers_leave_out_or_add_changes_nothing(face: Face) -> None:
    """No metadata, no event ids, no optional events; unknown ones, both names: turns and interruptions go as ever."""
    script = [reply(hold=asyncio.Event(), hold_at_ms=2000), reply(0.5)]
    fake = fake_of(script, face=face)
    async with talk_with(fake, agent) as talk:
        await talk.say()
        await talk.hear(1, 700)
        cut = await talk.interrupt()
        await talk.say(interruption=True)
        await talk.until(lambda: 2 in talk.speaker.ended and talk.speaker.is_quiet)
        items = await talk.history(4)
        assert [item.text for item in items if item.role == USER] == ["question 1", "question 2"]
        assert abs(items[1].heard_ms - cut[1] / MS) <= 1
        if face.can_truncate:
            assert abs(fake.believed_samples(1) - cut[1]) <= 20 * MS


@pytest.mark.parametrize("names_event", [True, False])
async def test_a_refused_request_is_made_again(names_event: bool) -> None:
    """Busy with nobody knows what, with and without the event's id: it is asked again after a while."""
    busy = Refuse("response.create", "conversation_already_has_active_response", names_event=names_event)
    async with talk_with(
        fake_of([reply(0.5)], faults=[busy]), lambda url: agent(url, PARLEY_MODEL_ANSWER_S="0.5")
    ) as talk:
        await talk.say()
        await talk.answered()
        await talk.assert_true()


async def test_a_request_that_is_lost_is_made_good() -> None:
    """It is neither taken nor refused: the person is told after a while, and the next turn is answered."""
    fake = fake_of([reply(0.5)], faults=[Lose("response.create")])
    async with talk_with(fake, lambda url: agent(url, PARLEY_MODEL_ANSWER_S="0.3")) as talk:
        await talk.say()
        await talk.ring.egress.log.until(lambda r: r.HasField("caption") and "Sorry" in r.caption.text)
        await talk.say()
        await talk.answered()
        await talk.assert_true()


async def test_a_commit_that_is_refused_as_empty_ends_nothing() -> None:
    """Nor is a word lost: what the server still has of it is heard with the next turn."""
    fake = fake_of([reply(0.5)], faults=[Refuse("input_audio_buffer.commit", "input_audio_buffer_commit_empty")])
    async with talk_with(fake, agent) as talk:
        await talk.say()
        await talk.say()
        await talk.answered()
        (turn,) = talk.fake.connections[0].commits
        assert abs(len(turn.audio) / 48 - 600) <= 1


async def test_a_truncation_that_is_refused_ends_nothing() -> None:
    """Peers die of it: "already shorter"."""
    already = "Audio content of 900ms is already shorter than 1000ms"
    fake = fake_of([reply(speed=200), reply(0.5)], faults=[Refuse("conversation.item.truncate", message=already)])
    async with talk_with(fake, agent) as talk:
        await talk.say()
        await talk.hear(1, 500)
        await interrupted(talk)
        assert len(talk.fake.connections) == 1


@pytest.mark.parametrize("code", ["inference_rate_limit_exceeded", "server_error"])
async def test_a_response_that_fails_for_a_passing_reason_is_asked_for_again(code: str) -> None:
    """The person hears an answer, not an apology."""
    async with talk_with(fake_of([Reply(fail=code), reply(0.5)]), agent) as talk:
        await talk.say()
        await talk.until(lambda: 2 in talk.speaker.ended and talk.speaker.is_quiet)
        assert not any("Sorry" in m.caption.text for m in talk.ring.egress.log.messages if m.HasField("caption"))
        await talk.assert_true()


@pytest.mark.parametrize("bad", [Reply(output=()), REFUSED, Reply(incomplete="content_filter")])
async def test_a_response_without_an_answer_ends_its_turn(bad: Reply) -> None:
    """Empty, failed for good, or held back: the client is told, so that it waits for nothing; the next is answered."""
    async with talk_with(fake_of([bad, reply(0.5)]), agent) as talk:
        await talk.say()
        await talk.vad.log.until(lambda m: m.HasField("progress") and m.progress.turn == 1 and m.progress.stage == 2)
        await talk.say()
        await talk.answered()
        await talk.assert_true()


async def test_an_incomplete_response_is_heard_as_far_as_it_goes() -> None:
    """Its audio may be playing already when its limit is told."""
    async with talk_with(fake_of([reply(incomplete="max_output_tokens", end_at_ms=1000), reply(0.5)]), agent) as talk:
        await talk.say()
        await talk.answered()
        assert talk.speaker.heard[1] == 1000 * MS
        await talk.say()
        await talk.answered()
        await talk.assert_true()


@pytest.mark.parametrize("when", ["delay", "first_audio", "done"])
async def test_words_may_come_at_any_time(when: str) -> None:
    """Before, in the middle of and after the reply: each question stands before its answer."""
    async with talk_with(fake_of([reply(0.5)], transcript_after=when), agent) as talk:
        for _ in range(2):
            await talk.say()
            await talk.answered()
        assert [item.role for item in await talk.history(4)] == [USER, ASSISTANT] * 2
        await talk.assert_true()
