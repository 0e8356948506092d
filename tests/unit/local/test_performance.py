"""The performance with a scripted Parley: who is told what, what is noted, and what becomes of a silence or a break."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import pytest

from clients.desktop import events
from clients.desktop.conversation import Conversation
from clients.desktop.events import Moment, Who
from clients.desktop.failures import ConversationBroken
from clients.desktop.headless import HeadlessDevice
from local.demonstration import AwaitHangup, AwaitReply, HearOut, KeepSilent, Move, Say, Scene
from local.performance import Performance, SceneReport, sounding
from local.timeline import ASSISTANT, PERSON, Speech

LINE = bytes(640)
"""20 ms: nobody waits for it in earnest."""


def at(ms: float) -> Moment:
    """Return a moment on all clocks."""
    return Moment(ms / 1000, int(ms * 16), int(ms * 24))


def caption(ms: float, text: str, *, final: bool, who: Who = Who.ASSISTANT, reply: int = 1) -> events.Caption:
    """Return a caption."""
    return events.Caption(at(ms), who, text, final, False, reply, 0, 1)


class ScriptedParley:
    """Stands in for the conversation and the device: each line said brings the next batch of events."""

    def __init__(self, *answers: Sequence[events.Event | Exception]) -> None:
        self.answers = list(answers)
        self.queue: asyncio.Queue[events.Event | Exception] = asyncio.Queue()
        self.interrupted = 0
        self.closed = False
        self.mic_offset = 0

    def say(self, pcm: bytes) -> int:
        """Be spoken to: the device's part."""
        begins = self.mic_offset
        self.mic_offset += 16_000
        for event in self.answers.pop(0) if self.answers else ():
            self.queue.put_nowait(event)
        return begins

    def interrupt(self) -> None:
        """Be stopped: the conversation's part."""
        self.interrupted += 1

    def __aiter__(self) -> ScriptedParley:
        return self

    async def __anext__(self) -> events.Event:
        if self.closed:
            raise StopAsyncIteration
        event = await self.queue.get()
        if isinstance(event, Exception):
            raise event
        if isinstance(event, events.Closed):
            self.closed = True
        return event


async def perform(
    parley: ScriptedParley, scenes: Sequence[Scene], tell: Callable[[str], None] = lambda text: None
) -> list[SceneReport]:
    """Perform scenes with a scripted Parley."""
    performance = Performance(
        cast(Conversation, parley), cast(HeadlessDevice, parley), {"Hello.": LINE, "Stop!": LINE}, tell
    )
    return await performance.run(scenes, exact=True)


def scene(title: str, *moves: Move) -> Scene:
    """Make a scene whose check says how many speeches it saw."""
    return Scene(title, moves, lambda speeches, exact: [f"{len(speeches)} speeches"])


ANSWER = (
    events.ReplyStarted(at(300), 1, 0),
    caption(310, "Good ", final=False),
    caption(350, "day.", final=False),
    caption(400, "hello", final=True, who=Who.USER, reply=0),
    events.TurnReport(at(410), 1, 1, (("vad.endpoint", 200.0),)),
    caption(600, "Good day.", final=True),
    events.ReplyPlayed(at(610), 1, 7_440),
)


@pytest.fixture(autouse=True)
def no_waiting_for_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Captions that come late come early here."""
    monkeypatch.setattr("local.performance._LAST_WORDS_S", 0.01)


async def test_an_answer_is_noted_with_its_words_and_its_measures() -> None:
    """What the client's events say becomes two speeches on one clock, and a few lines for the person who watches."""
    told: list[str] = []
    moves = (Say("Hello."), AwaitReply(5), HearOut(5, pause_ms=10))
    (report,) = await perform(ScriptedParley(ANSWER), [scene("Greeting", *moves)], told.append)
    assert report.failures == ["2 speeches"]
    assert report.speeches == [
        Speech(PERSON, 0, 0, "Hello.", understood="hello"),
        Speech(ASSISTANT, 300, 610, "Good day.", reply=1, stages=(("vad.endpoint", 200.0),)),
    ]
    assert told == ["\n1 of 1  Greeting", "  you     Hello.", "  Parley  Good day."]


async def test_each_scene_is_judged_by_what_was_said_in_it() -> None:
    """A cut reply of the second scene is none of the first one's business."""
    cut = (
        events.ReplyStarted(at(1_200), 2, 0),
        events.Duck(at(1_300), 1, -20.0),
        events.Silenced(at(1_500), 2, 2, 7_200),
    )
    scenes = [
        scene("one", Say("Hello."), AwaitReply(5), HearOut(5, pause_ms=10)),
        scene("two", Say("Stop!"), AwaitReply(5), HearOut(5, pause_ms=10)),
    ]
    one, two = await perform(ScriptedParley(ANSWER, cut), scenes)
    assert [speech.reply for speech in one.speeches] == [0, 1]
    assert two.speeches[1] == Speech(ASSISTANT, 1_200, 1_500, reply=2, cut=True, ducks=((1_300, 1_500),))


async def test_a_hangup_ends_the_conversation_well() -> None:
    """It is awaited after the goodbye; one that doesn't come fails the scene."""
    gone = events.Closed(at(700), "Goodbye!", "goodbye")
    told: list[str] = []
    moves = (Say("Hello."), AwaitReply(5), HearOut(5, pause_ms=10), AwaitHangup(0.05))
    (report,) = await perform(ScriptedParley([*ANSWER, gone]), [scene("Goodbye", *moves)], told.append)
    assert report.failures == ["2 speeches"]
    assert "(Parley hangs up)" in told[-1]
    (report,) = await perform(ScriptedParley(ANSWER), [scene("Goodbye", *moves)])
    assert "had not hung up" in report.failures[0]


async def test_a_silence_fails_its_scene_and_the_next_one_goes_on() -> None:
    """With what the server said about it, if it said anything."""
    trouble = events.ServerError(at(100), "model", "the model can't be reached", True)
    scenes = [scene("one", Say("Hello."), AwaitReply(0.02)), scene("two", Say("Hello."), AwaitReply(5))]
    one, two = await perform(ScriptedParley([trouble], ANSWER), scenes)
    assert one.failures == [
        "Parley did not answer within 0 s",
        "the server said: the model can't be reached",
    ]
    assert two.failures != []
    assert "did not answer" not in two.failures[0]


async def test_an_answer_without_an_end_is_stopped() -> None:
    """The scenes after it find silence."""
    parley = ScriptedParley([events.ReplyStarted(at(300), 1, 0)])
    (report,) = await perform(parley, [scene("one", Say("Hello."), AwaitReply(5), HearOut(0.02))])
    assert report.failures == ["the answer was still going on after 0 s"]
    assert parley.interrupted == 1


async def test_a_conversation_that_breaks_fails_the_rest_of_the_scenes() -> None:
    """The reason is told once; nothing hangs, nothing is a traceback."""
    broken = ConversationBroken("The connection was lost.")
    scenes = [
        scene("one", Say("Hello."), KeepSilent(1)),
        scene("two", Say("Hello."), AwaitReply(5)),
        scene("three", Say("Hello."), AwaitReply(5)),
    ]
    reports = await perform(ScriptedParley([], [broken]), scenes)
    assert [report.failures for report in reports] == [
        ["1 speeches"],
        ["The connection was lost."],
        ["it was not held: the conversation had broken off"],
    ]


def test_a_line_begins_and_ends_with_its_sound() -> None:
    """The silence that a synthesiser puts around words is not counted as speaking."""
    pcm = np.zeros(3_200, np.int16)
    pcm[480:1_600] = 1_000
    assert sounding(pcm.tobytes()) == (30.0, 100.0)
    assert sounding(bytes(640)) == (0.0, 0.0)
