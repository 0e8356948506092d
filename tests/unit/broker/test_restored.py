"""A conversation that is gone on with after its broker died: words, answers that broke off, turns that are missing."""

from __future__ import annotations

from typing import Any

import pytest

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker import journal
from services.broker.actions import Action, Mark, ToModel
from services.broker.conversation import Conversation
from services.broker.held_replies import pieces_of
from services.broker.lost_turns import ASKING_WAITS_S
from services.broker.questions import CONTINUE

USER, ASSISTANT = session.HistoryItem.ROLE_USER, session.HistoryItem.ROLE_ASSISTANT
ASKED = session.HistoryItem(role=USER, text="a story", turn=1, at_ms=2, mic_offset=100)


def at(at_ms: int, item: session.HistoryItem) -> session.HistoryItem:
    """Give an item its time."""
    item.at_ms = at_ms
    return item


def held(*words: str, reply: int = 1, line: str | None = None, **more: Any) -> egress.HeldReply:
    """A reply to turn 1 as egress holds it: a second a word."""
    captions = [client.Caption(text=word, position=24_000 * index) for index, word in enumerate(words)]
    if line is not None:
        captions.append(client.Caption(text=line, position=24_000 * len(words), final=True))
    fields = {"turn": 1, "samples": 24_000 * len(words), "captions": captions, "complete": line is not None, **more}
    return egress.HeldReply(reply=reply, **fields)


def restored(history: list[session.HistoryItem], *replies: egress.HeldReply) -> tuple[Conversation, list[Action]]:
    """Take a conversation over, and have a model for it; return what is to be done."""
    core = Conversation()
    holds = egress.Held(replies=replies, newest_reply=max(reply.reply for reply in replies))
    taken = [at(1, journal.taken(1, 100)), *history]
    actions = core.restore(session.SessionRecord(session="s1"), taken, holds, 10.0)
    return core, [*actions, *core.begin(10.1)]


def requests(actions: list[Action]) -> list[dict[str, Any]]:
    """What the model is asked for."""
    events = [action.event for action in actions if isinstance(action, ToModel)]
    return [event["response"] for event in events if event["type"] == "response.create"]


def told(actions: list[Action]) -> list[tuple[str, str]]:
    """What the model is told that was said."""
    items = [action.event["item"] for action in actions if isinstance(action, ToModel) and "item" in action.event]
    return [(item["role"], item["content"][0]["text"]) for item in items if item["role"] != "system"]


@pytest.mark.parametrize(
    ("words", "line", "known"),
    [
        (("one", " two"), "one two", "one two"),
        (("one", " two", " three"), "one two", "one two"),
        (("one",), "", ""),
        (("one ", "two"), None, "one two"),
        (("one", "two"), "one two", "one two"),
        (("one", " two"), "something else", "one two"),
    ],
)
def test_words_without_a_sound_are_no_words(words: tuple[str, ...], line: str | None, known: str) -> None:
    """The whole line of a reply that broke off leaves out what was announced and never sounded."""
    assert "".join(piece for _, piece in pieces_of(held(*words, line=line))) == known


def test_a_reply_that_broke_off_is_gone_on_with_once_more() -> None:
    """The broker that was to see to it has died as well: egress takes the reply for complete, and it is not."""
    broken_off = at(3, journal.broken_off(1, 1))
    _, actions = restored([ASKED, broken_off], held("once", " upon", line="once upon"))
    (request,) = requests(actions)
    assert CONTINUE in request["instructions"]
    assert told(actions) == [("user", "a story"), ("assistant", "once upon")]
    assert [mark.item.reply for mark in actions if isinstance(mark, Mark)] == [1]


def test_so_is_one_that_was_heard_to_its_end_meanwhile() -> None:
    """It stands in history by then."""
    heard = session.HistoryItem(role=ASSISTANT, text="once upon", turn=1, reply=1, at_ms=4)
    ended = held("once", " upon", line="once upon", played=48_000, ended=True)
    _, actions = restored([ASKED, at(3, journal.broken_off(1, 1)), heard], ended)
    assert CONTINUE in requests(actions)[0]["instructions"]


def test_a_reply_of_which_no_word_had_sounded_is_asked_for_anew() -> None:
    """There is nothing to go on from: the model would take its answer before that for the one that broke off."""
    greeting = session.HistoryItem(role=ASSISTANT, text="hello", turn=0, reply=1, at_ms=1)
    breath = held(reply=2, samples=1_200)
    for history in ([greeting, ASKED], [greeting, ASKED, at(3, journal.broken_off(2, 1))]):
        _, actions = restored(history, breath)
        (request,) = requests(actions)
        assert CONTINUE not in request.get("instructions", "")


def test_a_turn_after_a_reply_that_broke_off_is_answered() -> None:
    """It is what the person waits for: the rest of an older reply is not."""
    asked = session.HistoryItem(role=USER, text="and the end?", turn=2, mic_offset=900, at_ms=4)
    _, actions = restored([ASKED, at(4, journal.taken(2, 900)), asked], held("once", " upon", complete=False))
    (request,) = requests(actions)
    assert CONTINUE not in request.get("instructions", "")


def test_a_reply_that_another_has_gone_on_with_is_not() -> None:
    """What egress has of that one, whole, is the rest of it."""
    broken_off = at(3, journal.broken_off(1, 1))
    first, second = held("once", line="once"), held(" upon", reply=2, line="upon")
    _, actions = restored([ASKED, broken_off], first, second)
    assert requests(actions) == []


def test_a_reply_that_the_person_has_cut_off_is_not() -> None:
    """Nobody waits for its rest."""
    marks = [at(3, journal.broken_off(1, 1)), at(4, journal.settled(1))]
    _, actions = restored([ASKED, *marks], held("once", line="once"))
    assert requests(actions) == []


def test_a_model_is_asked_to_go_on_when_it_knows_the_question() -> None:
    """Nobody had written it down: it is heard again first, if that does not take long, and stands before its answer."""
    core, actions = restored([], held("once", " upon"))
    assert requests(actions) == []
    core.from_vad(broker.RespondRequest(audio=broker.TurnAudio(turn=2, pcm=bytes(3200))), 10.2)
    ended = broker.TurnEnded(turn=2, end_offset=99, speech_ms=2000)
    actions = core.from_vad(broker.RespondRequest(turn_ended=ended), 10.3)
    kinds = [action.event["type"] for action in actions if isinstance(action, ToModel)]
    assert kinds[-3:] == ["input_audio_buffer.commit", "conversation.item.create", "response.create"]
    assert told(actions)[-1] == ("assistant", "once upon")


def test_a_question_that_does_not_come_is_not_waited_for() -> None:
    """Then the answer goes on without it."""
    core, actions = restored([], held("once", " upon"))
    assert requests(actions) == []
    assert requests(core.tick(10.0 + ASKING_WAITS_S / 2)) == []
    assert len(requests(core.tick(10.0 + ASKING_WAITS_S))) == 1
