"""A decision core that begins in the midst of a session: what is past stays so, and what goes on is heard."""

from __future__ import annotations

import pytest

from parley.v1 import audio_pb2 as audio
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2
from services.vad.beginning import WARM_UP_SAMPLES, Beginning
from services.vad.events import Event, Phase
from tests.unit.vad.test_turn_taking import QUIET, SPEECH, Kind, Scene, assert_well_formed

MS = 16
DECIDED_MS = 60_000


def begun(*, turn: int = 3, awaited: int = 0, decided_ms: int = DECIDED_MS, seq: int = 0) -> Scene:
    """A core that begins where the broker says, and has heard nothing yet."""
    scene = Scene()
    past = stream_pb2.Past(turn=turn, decided_offset=decided_ms * MS, awaited_turn=awaited, seq=40)
    scene.core.go_on(Beginning.after(stream_pb2.StreamReady(past=past), seq))
    scene.offset = max(decided_ms * MS - WARM_UP_SAMPLES, 0)
    return scene


def test_what_is_wanted_is_two_seconds_more_than_what_is_not_decided() -> None:
    """The ear is warm when it matters; a session that has hardly begun is heard from its beginning."""
    for decided_ms, hear_from_ms in ((60_000, 58_000), (1_500, 0), (0, 0)):
        ready = stream_pb2.StreamReady(past=stream_pb2.Past(decided_offset=decided_ms * MS))
        assert Beginning.after(ready, 0).hear_from == hear_from_ms * MS


def test_speech_that_is_decided_is_no_turn_again() -> None:
    """Not even if it was spoken just before, and a pause follows."""
    scene = begun()
    scene.hears(QUIET, 600)
    scene.hears(SPEECH, 1_400)
    scene.hears(QUIET, 3_000)
    assert scene.all(broker.SpeechStarted) == []
    assert scene.core.phase is Phase.OPEN


def test_what_goes_on_is_a_turn_from_there() -> None:
    """Who speaks across that point has said something new: its onset is there, and nothing older goes with it."""
    scene = begun()
    scene.hears(QUIET, 1_000)
    scene.hears(SPEECH, 1_800)
    scene.hears(QUIET, 1_000)
    (started,), (ended,) = scene.all(broker.SpeechStarted), scene.all(broker.TurnEnded)
    assert started.turn == ended.turn == 4
    assert 0 <= started.onset_offset - DECIDED_MS * MS < 64 * MS
    first = scene.all(broker.TurnAudio)[0]
    assert first.mic_offset == DECIDED_MS * MS
    assert_well_formed(scene.events)


def test_offsets_are_the_sessions_own() -> None:
    """A turn long after the beginning has its pre-roll and its place on the microphone's clock."""
    scene = begun()
    scene.hears(QUIET, 3_000)
    onset = scene.offset
    scene.hears(SPEECH, 800)
    scene.hears(QUIET, 800)
    (started,), (ended,) = scene.all(broker.SpeechStarted), scene.all(broker.TurnEnded)
    assert abs(started.onset_offset - onset) <= 32 * MS
    assert abs(ended.end_offset - (onset + 800 * MS)) <= 64 * MS
    assert scene.all(broker.TurnAudio)[0].mic_offset == started.onset_offset - 300 * MS


def test_the_first_sound_may_come_later_than_was_wanted() -> None:
    """Ingress keeps no more: the clock begins there, and nothing that was decided lies behind it."""
    scene = begun(decided_ms=10_000)
    scene.offset = 90_000 * MS
    scene.core.hear_from(scene.offset)
    scene.hears(QUIET, 200)
    scene.hears(SPEECH, 800)
    scene.hears(QUIET, 800)
    (started,) = scene.all(broker.SpeechStarted)
    assert started.onset_offset >= 90_200 * MS - 32 * MS
    assert started.turn == 4


def test_the_awaited_answer_is_still_awaited() -> None:
    """Nothing is audible yet: who goes on resumes the turn, and it is taken back like any other."""
    scene = begun(turn=3, awaited=3)
    assert scene.core.phase is Phase.THINKING
    scene.hears(SPEECH, 1_500)
    scene.hears(QUIET, 1_500)
    assert scene.all(session.Interrupt) == []
    scene.hears(SPEECH, 1_000)
    scene.hears(QUIET, 800)
    assert scene.verdicts() == [(Kind.KIND_CANCEL, Kind.CAUSE_TURN_RESUMED)]
    assert [resumed.turn for resumed in scene.all(broker.TurnResumed)] == [3]
    assert [ended.turn for ended in scene.all(broker.TurnEnded)] == [3]
    assert scene.all(broker.TurnAudio)[0].mic_offset >= DECIDED_MS * MS


def test_an_answer_that_is_not_awaited_is_not_waited_for() -> None:
    """What the person says then is a turn of its own."""
    scene = begun(turn=3)
    scene.hears(QUIET, 3_000)
    assert scene.core.phase is Phase.OPEN
    scene.hears(SPEECH, 800)
    assert [started.turn for started in scene.all(broker.SpeechStarted)] == [4]


def test_a_reply_that_is_audible_is_seen_by_the_playheads() -> None:
    """And can be interrupted as ever, by verdicts numbered above all that were seen."""
    for seq, first in ((0, 41), (77, 78)):
        scene = begun(seq=seq)
        scene.assistant_begins(9)
        scene.hears(QUIET, 2_500)
        assert scene.core.phase is Phase.SPEAKING
        scene.hears(SPEECH, 1_000)
        assert [verdict.seq for verdict in scene.all(session.Interrupt)] == [first, first + 1]
        assert scene.verdicts()[-1] == (Kind.KIND_CANCEL, Kind.CAUSE_SPEECH)


def test_speech_over_a_reply_brings_no_verdict_in_the_past() -> None:
    """What was said over it before that point was judged then; what is said across it is judged from there on."""
    scene = begun()
    scene.assistant_begins(9)
    scene.hears(QUIET, 600)
    scene.hears(SPEECH, 1_000)
    scene.hears(QUIET, 1_000)
    assert scene.verdicts() == []
    scene = begun()
    scene.assistant_begins(9)
    scene.hears(QUIET, 1_400)
    scene.hears(SPEECH, 1_600)
    assert scene.verdicts()[-1] == (Kind.KIND_CANCEL, Kind.CAUSE_SPEECH)
    assert scene.all(session.Interrupt)[-1].onset_offset >= DECIDED_MS * MS - 32 * MS


def test_the_ghost_of_a_cancelled_reply_is_not_the_awaited_answer() -> None:
    """Frames that carry it were captured before the client fell silent."""
    scene = begun(turn=3, awaited=3)
    scene.assistant_begins(8)
    scene.hears(QUIET, 2_200)
    phases = [scene.core.phase]
    scene.assistant_begins(9)
    scene.hears(QUIET, 100)
    assert [*phases, scene.core.phase] == [Phase.THINKING, Phase.SPEAKING]


@pytest.mark.parametrize(
    ("awaited", "state"), [(0, session.CONVERSATION_STATE_IDLE), (3, session.CONVERSATION_STATE_THINKING)]
)
def test_the_client_is_shown_where_things_stand(awaited: int, state: int) -> None:
    """Once, when the past has been heard: it may have been shown anything before."""
    scene = begun(awaited=awaited)
    scene.hears(QUIET, 1_900)
    assert scene.all(client.State) == []
    scene.hears(QUIET, 500)
    assert [shown.state for shown in scene.all(client.State)] == [state]


def test_how_loud_the_person_is_is_learnt_from_the_past() -> None:
    """So residual echo, far softer than the person, is not taken for them."""
    scene = begun()
    scene.hears(QUIET, 500)
    scene.hears(SPEECH, 1_000)
    scene.hears(QUIET, 600)
    assert scene.core._barge_in.loudness.person_db is not None


def test_what_was_typed_before_that_point_is_answered() -> None:
    """It is not typed again; what was typed after it is, with its name and its place."""
    scene = begun()
    assert scene.does(scene.core.say("hello", "first")) == []
    scene.hears(QUIET, 2_000)
    assert scene.does(scene.core.say("hello", "second")) == []
    scene.hears(QUIET, 20)
    scene.does(scene.core.say("and this", "third"))
    (typed,) = scene.all(broker.Typed)
    assert (typed.turn, typed.id, typed.mic_offset) == (4, "third", (DECIDED_MS + 20) * MS)


def test_a_session_in_which_nothing_was_decided_has_no_past() -> None:
    """What was typed at its very beginning is a turn."""
    scene = begun(turn=0, decided_ms=0)
    scene.does(scene.core.say("hello", "first"))
    assert [typed.turn for typed in scene.all(broker.Typed)] == [1]


def test_a_press_of_the_past_begins_no_turn() -> None:
    """The turn that it began is over; letting go later ends nothing, and the next press begins the next turn."""
    scene = begun()
    scene.does(scene.core.push_to_talk(pressed=True))
    scene.hears(SPEECH, 2_200)
    scene.does(scene.core.push_to_talk(pressed=False))
    scene.hears(QUIET, 500)
    assert scene.all(broker.SpeechStarted) == scene.all(broker.TurnEnded) == []
    scene.does(scene.core.push_to_talk(pressed=True))
    scene.hears(SPEECH, 500)
    scene.does(scene.core.push_to_talk(pressed=False))
    assert [ended.turn for ended in scene.all(broker.TurnEnded)] == [4]


def test_an_announcement_waits_until_it_is_known_who_has_the_floor() -> None:
    """In the past the floor may seem free, while the assistant is speaking by now."""
    scene = begun()
    scene.assistant_begins(9)
    scene.does(scene.core.announce(session.Announcement(id="a", text="Dinner.")))
    scene.hears(QUIET, 2_500)
    assert scene.all(session.Announcement) == []
    scene.assistant_ends()
    scene.hears(QUIET, 500)
    assert [announced.id for announced in scene.all(session.Announcement)] == ["a"]


def acknowledged(events: list[Event]) -> int:
    """Return the sample before which ingress need keep nothing."""
    return max((event.mic_offset for event in events if isinstance(event, audio.Heard)), default=0)


def test_the_sound_of_an_awaited_turn_is_kept_until_it_needs_no_more() -> None:
    """Nobody knows where it began, so nothing is let go: until its words stand in history, or its answer is heard."""
    for end in ("answered", "audible"):
        scene = begun(turn=3, awaited=3)
        assert acknowledged(scene.hears(QUIET, 6_000)) == 0
        if end == "answered":
            scene.does(scene.core.answered(3))
        else:
            scene.assistant_begins(9)
        assert acknowledged(scene.hears(QUIET, 1_000)) >= (DECIDED_MS + 2_000) * MS


def test_what_is_typed_or_announced_is_kept_at_ingress() -> None:
    """A typed turn until it stands in history, an announcement until it is heard: both may have to be sent again."""
    scene = Scene()
    scene.hears(QUIET, 1_000)
    scene.does(scene.core.say("hello", "n"))
    scene.does(scene.core.announce(session.Announcement(id="a", text="Dinner.")))
    assert acknowledged(scene.hears(QUIET, 5_000)) == 1_000 * MS
    scene.does(scene.core.answered(1))
    assert acknowledged(scene.hears(QUIET, 3_000)) == 0, "no more than before"
    scene.does(scene.core.progress(broker.TurnProgress(turn=1, stage=broker.TurnProgress.STAGE_SILENT)))
    assert acknowledged(scene.hears(QUIET, 2_000)) == 0, "it is passed on, and not heard yet"
    scene.assistant_begins(1)
    assert acknowledged(scene.hears(QUIET, 500)) > 8_000 * MS


def test_announcements_that_are_taken_back_need_not_be_kept() -> None:
    """An operator has thought better of it."""
    scene = Scene()
    scene.does(scene.core.say("hello", "n"))
    scene.does(scene.core.announce(session.Announcement(id="a", text="Dinner.")))
    scene.does(scene.core.answered(1))
    scene.does(scene.core.operator_interrupt())
    assert acknowledged(scene.hears(QUIET, 4_000)) > 0


def test_the_first_part_of_a_resumed_turn_is_kept_until_it_is_answered() -> None:
    """Its second part goes into history by itself: word of the first does not let go of it."""
    scene = Scene()
    scene.hears(QUIET, 1_000)
    scene.hears(SPEECH, 800)
    scene.hears(QUIET, 600)
    scene.hears(SPEECH, 1_000)
    assert len(scene.all(broker.TurnResumed)) == 1
    resumed_ms = 2_400
    assert acknowledged(scene.hears(QUIET, 5_000)) <= 1_000 * MS
    scene.does(scene.core.answered(1))
    assert acknowledged(scene.hears(QUIET, 2_000)) in range((resumed_ms - 400) * MS, resumed_ms * MS)
    scene.does(scene.core.answered(1))
    assert acknowledged(scene.hears(QUIET, 2_000)) > 5_000 * MS


def test_another_ingress_has_verdicts_of_its_own_lease() -> None:
    """Numbered above all that it knows of."""
    scene = Scene()
    scene.hears(QUIET, 500)
    scene.core.adopted(7, 100)
    scene.assistant_begins(1)
    scene.hears(QUIET, 500)
    scene.hears(SPEECH, 1_000)
    verdicts = scene.all(session.Interrupt)
    assert {verdict.lease for verdict in verdicts} == {7}
    assert [verdict.seq for verdict in verdicts] == [101, 102]
