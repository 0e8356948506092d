"""Announcements in the decision core: they wait for the floor, hold it like an answer, and can be interrupted."""

from __future__ import annotations

import pytest

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import session_pb2 as session
from services.vad.announcements import MAX_WAITING
from services.vad.events import Event, Phase
from tests.unit.vad.test_turn_taking import QUIET, SPEECH, Kind, Scene, answered_turn


def announce(scene: Scene, name: str = "a") -> list[Event]:
    """An operator has something said."""
    return scene.does(scene.core.announce(session.Announcement(id=name, text="Your taxi is here.")))


def passed_on(scene: Scene) -> list[str]:
    """The names of what was passed on to the broker, in order."""
    return [announcement.id for announcement in scene.all(session.Announcement)]


def spoken_to_its_end(scene: Scene, reply: int) -> None:
    """The assistant speaks for a second, and falls silent."""
    scene.assistant_begins(reply)
    scene.hears(QUIET, 1000)
    scene.assistant_ends()
    scene.hears(QUIET, 400)


def test_while_nobody_speaks_it_is_passed_on_at_once() -> None:
    """The floor is free: no audio is needed for it to go, and it holds the floor from then on."""
    scene = Scene()
    announce(scene)
    assert passed_on(scene) == ["a"]
    assert scene.core.phase is Phase.THINKING


def test_while_the_person_speaks_it_waits_for_the_answer_to_end() -> None:
    """It neither talks over the person nor comes between question and answer."""
    scene = Scene()
    scene.hears(QUIET, 500)
    scene.hears(SPEECH, 800)
    assert len(scene.all(broker.SpeechStarted)) == 1
    announce(scene)
    scene.hears(QUIET, 600)
    assert len(scene.all(broker.TurnEnded)) == 1
    assert passed_on(scene) == []
    spoken_to_its_end(scene, 1)
    assert passed_on(scene) == ["a"]
    assert scene.verdicts() == []


def test_while_the_answer_is_thought_of_it_waits_and_a_silent_one_lets_it_go() -> None:
    """A turn that gets no spoken answer leaves the floor to what waits."""
    scene = Scene()
    scene.does(scene.core.say("stop"))
    announce(scene)
    scene.hears(QUIET, 1000)
    assert passed_on(scene) == []
    silent = broker.TurnProgress(turn=1, stage=broker.TurnProgress.STAGE_SILENT)
    scene.does(scene.core.progress(silent))
    assert passed_on(scene) == ["a"]


def test_while_a_reply_is_heard_it_waits_for_its_end() -> None:
    """The reply loses nothing by it."""
    scene = Scene()
    answered_turn(scene)
    announce(scene)
    scene.hears(QUIET, 2000)
    assert passed_on(scene) == []
    scene.assistant_ends()
    scene.hears(QUIET, 400)
    assert passed_on(scene) == ["a"]


def test_one_after_the_other() -> None:
    """The next leaves only when the one before has been heard to its end, or came to nothing."""
    scene = Scene()
    for name in ("a", "b", "c"):
        announce(scene, name)
    scene.hears(QUIET, 500)
    assert passed_on(scene) == ["a"]
    spoken_to_its_end(scene, 1)
    assert passed_on(scene) == ["a", "b"]
    scene.does(scene.core.progress(broker.TurnProgress(turn=0, stage=broker.TurnProgress.STAGE_SILENT)))
    assert passed_on(scene) == ["a", "b", "c"]


def test_a_turn_that_is_long_over_does_not_free_the_floor() -> None:
    """Late word that an earlier turn gets no answer is not about the announcement."""
    scene = Scene()
    answered_turn(scene)
    scene.assistant_ends()
    scene.hears(QUIET, 400)
    announce(scene, "a")
    announce(scene, "b")
    scene.does(scene.core.progress(broker.TurnProgress(turn=1, stage=broker.TurnProgress.STAGE_SILENT)))
    assert passed_on(scene) == ["a"]


@pytest.mark.parametrize("heard_ms", [0, 200, 1500])
def test_a_phrase_interrupts_it_and_resumes_nothing(heard_ms: int) -> None:
    """Not yet audible, hardly, or in full flow: what the person says is a new turn of theirs, never the last one."""
    scene = Scene()
    answered_turn(scene)
    scene.assistant_ends()
    scene.hears(QUIET, 400)
    announce(scene)
    scene.hears(QUIET, 500)
    if heard_ms:
        scene.assistant_begins(2)
        scene.hears(QUIET, heard_ms)
    scene.hears(SPEECH, 1200)
    scene.assistant_ends()
    scene.hears(QUIET, 1000)
    cancels = [cause for kind, cause in scene.verdicts() if kind == Kind.KIND_CANCEL]
    assert cancels == [Kind.CAUSE_SPEECH]
    assert scene.all(broker.TurnResumed) == []
    assert [ended.turn for ended in scene.all(broker.TurnEnded)] == [1, 2]
    assert scene.all(broker.TurnEnded)[1].interruption


def test_noise_does_not_interrupt_it() -> None:
    """A click before it is audible changes nothing."""
    scene = Scene()
    announce(scene)
    scene.hears(SPEECH, 60)
    scene.hears(QUIET, 1000)
    assert scene.verdicts() == []
    assert scene.core.phase is Phase.THINKING


def test_after_it_turns_can_be_resumed_again() -> None:
    """The next turn of the person's is resumable as ever."""
    scene = Scene()
    announce(scene)
    spoken_to_its_end(scene, 1)
    scene.hears(SPEECH, 800)
    scene.hears(QUIET, 600)
    scene.hears(SPEECH, 1000)
    assert len(scene.all(broker.TurnResumed)) == 1


def test_a_person_who_interrupts_a_reply_is_answered_before_what_waits() -> None:
    """A barge-in neither loses the announcement nor lets it go first."""
    scene = Scene()
    answered_turn(scene)
    announce(scene)
    scene.hears(SPEECH, 1200)
    scene.assistant_ends()
    scene.hears(QUIET, 1000)
    assert passed_on(scene) == []
    spoken_to_its_end(scene, 2)
    assert passed_on(scene) == ["a"]


def test_the_clients_key_stops_the_reply_and_not_what_waits() -> None:
    """The person stopped what they heard; what they have not heard of yet is told them."""
    scene = Scene()
    answered_turn(scene)
    announce(scene)
    scene.does(scene.core.interrupt())
    assert scene.verdicts() == [(Kind.KIND_CANCEL, Kind.CAUSE_CLIENT)]
    assert passed_on(scene) == ["a"]


def test_an_operator_stops_the_reply_and_takes_back_what_waits() -> None:
    """Silence is silence; and a new announcement right after it is the only one that comes."""
    scene = Scene()
    answered_turn(scene)
    announce(scene, "a")
    scene.does(scene.core.operator_interrupt())
    assert scene.verdicts() == [(Kind.KIND_CANCEL, Kind.CAUSE_OPERATOR)]
    announce(scene, "b")
    assert passed_on(scene) == ["b"]
    kinds = [type(event) for event in scene.events if isinstance(event, session.Interrupt | session.Announcement)]
    assert kinds == [session.Interrupt, session.Announcement]


def test_an_operator_stops_an_announcement_that_is_not_audible_yet() -> None:
    """It is cancelled like an answer that is being thought of."""
    scene = Scene()
    announce(scene)
    scene.does(scene.core.operator_interrupt())
    assert scene.verdicts() == [(Kind.KIND_CANCEL, Kind.CAUSE_OPERATOR)]
    assert scene.core.phase is Phase.OPEN


@pytest.mark.parametrize("speaks", [False, True])
def test_an_operator_who_stops_nothing_changes_nothing(speaks: bool) -> None:
    """While nobody speaks, or the person does, there is no reply to stop."""
    scene = Scene()
    scene.hears(QUIET, 500)
    scene.hears(SPEECH if speaks else QUIET, 800)
    phase = scene.core.phase
    scene.does(scene.core.operator_interrupt())
    assert scene.verdicts() == []
    assert scene.core.phase is phase


def test_the_talk_button_interrupts_it() -> None:
    """A press takes the floor before it is audible; it is not said after that, and the person's turn is answered."""
    scene = Scene()
    announce(scene)
    scene.does(scene.core.push_to_talk(True))
    assert scene.verdicts() == [(Kind.KIND_CANCEL, Kind.CAUSE_CLIENT)]
    scene.hears(SPEECH, 800)
    announce(scene, "b")
    scene.does(scene.core.push_to_talk(False))
    assert passed_on(scene) == ["a"]
    spoken_to_its_end(scene, 2)
    assert passed_on(scene) == ["a", "b"]


def test_a_typed_turn_interrupts_it() -> None:
    """What is typed while it is on its way is answered instead."""
    scene = Scene()
    announce(scene)
    scene.does(scene.core.say("what time is it?"))
    assert scene.verdicts() == [(Kind.KIND_CANCEL, Kind.CAUSE_TYPED)]
    assert scene.core.phase is Phase.THINKING


def test_too_many_are_refused_and_the_first_ones_are_said(caplog: pytest.LogCaptureFixture) -> None:
    """The queue is bounded: the newest go, and the log says so."""
    scene = Scene()
    scene.does(scene.core.say("tell me a story"))
    for number in range(MAX_WAITING + 2):
        announce(scene, str(number))
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    scene.does(scene.core.interrupt())
    for number in range(1, MAX_WAITING + 5):
        spoken_to_its_end(scene, number)
    assert passed_on(scene) == [str(number) for number in range(MAX_WAITING)]


def test_one_of_which_nothing_comes_frees_the_floor_in_the_end() -> None:
    """With nothing audible for 20 s the floor is open again, and the next may try."""
    scene = Scene()
    announce(scene, "a")
    announce(scene, "b")
    scene.hears(QUIET, 20_100)
    assert passed_on(scene) == ["a", "b"]
