"""Interruptions: what the model, egress, vad and history are told when the person takes the floor, whenever it is."""

from __future__ import annotations

from parley.v1 import broker_service_pb2 as broker
from services.broker.settling import FLUSH_WAIT_S, UNHURRIED_WAIT_S
from tests.unit.broker.scene import MS, Cause, Scene


def answered(ms: int = 2000, *, done: bool = True) -> Scene:
    """A scene with a reply of one item under way, its question in history."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.transcript("u1", "hello")
    scene.answer(1, ms, done=done)
    return scene


def after(scene: Scene, seq: int) -> list[str | None]:
    """The kinds of what egress was told after an interrupt, the last lines of dead replies left out."""
    at = next(i for i, r in enumerate(scene.to_egress) if r.HasField("interrupt") and r.interrupt.seq == seq)
    rest = scene.to_egress[at + 1 :]
    return [r.WhichOneof("message") for r in rest if not (r.HasField("caption") and r.caption.final)]


def test_while_the_response_is_being_generated() -> None:
    """It is cancelled by its id, the item cut to what was heard, and the next answer waits for both."""
    scene = answered(done=False)
    scene.played(1, 500)
    scene.interrupt(3)
    assert scene.of("response.cancel")[0]["response_id"] == "r1"
    acknowledged = next(r.interrupt_acknowledged for r in scene.to_vad if r.HasField("interrupt_acknowledged"))
    assert (acknowledged.seq, acknowledged.floor) == (3, 1)
    assert (scene.floors[0].seq, scene.floors[0].floor) == (3, 1)
    assert next(r.interrupt for r in scene.to_egress if r.HasField("interrupt")).floor == 1
    scene.turn(2, interruption=True)
    scene.played(1, 620, seq=3)
    assert scene.memory_edits == [("a1", 620)]
    assert scene.steps[-1] == "item.truncate", "the cancelled response has not ended yet"
    scene.done("r1", "cancelled")
    assert scene.steps[-1] == "create"
    assert (scene.history[-1].heard_ms, scene.history[-1].interrupted) == (620, True)


def test_when_the_response_is_done_and_still_playing() -> None:
    """Generation outruns playback: there is nothing to cancel and all the more to cut."""
    scene = answered()
    scene.played(1, 1000)
    scene.interrupt(1)
    scene.turn(2, interruption=True)
    assert scene.steps[-1] == "commit"
    scene.played(1, 1100, seq=1)
    assert scene.steps[-2:] == ["item.truncate", "create"]
    assert scene.of("response.cancel") == []
    assert scene.memory_edits == [("a1", 1100)]
    assert scene.said[-1] == ("assistant", "one two")


def test_before_the_response_is_created() -> None:
    """It is cancelled as soon as it has an id; its items are forgotten as they come; nothing of it is heard."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.interrupt(1)
    assert scene.of("response.cancel") == []
    scene.created("r1")
    assert scene.of("response.cancel")[0]["response_id"] == "r1"
    scene.item("r1", "a1")
    scene.speak("r1", "a1", 100, "late")
    scene.item("r1", "a1")
    assert scene.memory_edits == [("a1", None)]
    scene.wait(0.3)
    scene.done("r1", "cancelled")
    assert scene.memory_edits == [("a1", None)]
    assert scene.audio_of(1) == b""
    assert after(scene, 1) == []


def test_when_it_was_created_and_has_no_audio_yet() -> None:
    """An item without audio can't be truncated: it is deleted."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.created("r1")
    scene.item("r1", "a1")
    scene.interrupt(1)
    scene.played(0, 0, seq=1)
    assert scene.memory_edits == [("a1", None)]
    assert scene.history == []


def test_several_items() -> None:
    """The first was heard whole and stays, the second is cut, the third goes."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.transcript("u1", "hello")
    scene.created("r1")
    for item in ("a", "b", "c"):
        scene.item("r1", item)
        scene.speak("r1", item, 1000, f"{item}1 {item}2 {item}3")
        scene.item_done("r1", item)
    scene.done("r1")
    scene.played(1, 1400)
    scene.interrupt(1)
    scene.played(1, 1500, seq=1)
    assert scene.memory_edits == [("b", 500), ("c", None)]
    assert scene.said[-1] == ("assistant", "a1 a2 a3 b1")


def test_nothing_heard() -> None:
    """Generated, sent, never played: the model forgets it and history never knew it."""
    scene = answered()
    scene.interrupt(1)
    scene.played(0, 0, seq=1)
    assert scene.memory_edits == [("a1", None)]
    assert scene.said == [("user", "hello")]
    assert (scene.captions[-1].text, scene.captions[-1].final, scene.captions[-1].interrupted) == ("", True, True)


def test_all_of_it_heard() -> None:
    """An interrupt in the very last moment cuts nothing, and the reply was not cut off."""
    scene = answered()
    scene.played(1, 1990)
    scene.interrupt(1)
    scene.played(1, 2000, seq=1)
    assert scene.memory_edits == []
    assert scene.said[-1] == ("assistant", "one two three four")
    assert not scene.history[-1].interrupted


def test_the_person_goes_on_while_it_thinks() -> None:
    """A resumed turn: the reply is forgotten altogether, and one answer answers both parts."""
    scene = answered(done=False)
    scene.interrupt(1, Cause.CAUSE_TURN_RESUMED)
    scene.vad(turn_resumed=broker.TurnResumed(turn=1))
    assert scene.memory_edits == [("a1", None)]
    scene.turn(1, item="u2", interruption=True, speech_ms=2000)
    assert scene.steps[-1] == "commit"
    scene.done("r1", "cancelled")
    assert scene.steps[-1] == "create"
    assert scene.of("response.create")[-1]["response"]["metadata"] == {"reply": "2", "turn": "1"}
    scene.transcript("u2", "and goodbye")
    assert scene.said == [("user", "hello"), ("user", "and goodbye")]


def test_the_person_goes_on_before_the_response_is_created() -> None:
    """The same with no id yet."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.interrupt(1, Cause.CAUSE_TURN_RESUMED)
    scene.vad(turn_resumed=broker.TurnResumed(turn=1))
    scene.turn(1, item="u2")
    scene.created("r1")
    scene.done("r1", "cancelled")
    assert scene.steps == ["commit", "create", "commit", "cancel", "create"]


def test_a_short_second_part_of_a_turn_never_costs_the_first_its_answer() -> None:
    """After "I'd like a…" a noise, which is no word, leaves the turn wanting its answer; "stop" doesn't."""
    for words, asked in (("", 2), ("pizza", 2), ("stop", 1)):
        scene = answered(done=False)
        scene.interrupt(1, Cause.CAUSE_TURN_RESUMED)
        scene.vad(turn_resumed=broker.TurnResumed(turn=1))
        scene.done("r1", "cancelled")
        scene.turn(1, item="u2", interruption=True, speech_ms=300)
        assert len(scene.of("response.create")) == 1
        scene.transcript("u2", words)
        assert len(scene.of("response.create")) == asked


def test_four_in_quick_succession() -> None:
    """Each has its own number; one response is under way at a time; every item is dealt with once."""
    scene = answered(done=False)
    scene.played(1, 500)
    for seq in range(1, 5):
        scene.interrupt(seq)
        scene.now_s += 0.01
        scene.turn(seq + 1, interruption=True)
    assert len(scene.of("response.cancel")) == 1
    for seq in range(1, 5):
        scene.played(1, 510, seq=seq)
    assert scene.memory_edits == [("a1", 510)]
    scene.done("r1", "cancelled")
    assert len(scene.of("response.create")) == 2
    assert scene.of("response.create")[-1]["response"]["metadata"]["turn"] == "5"
    acknowledged = [r.interrupt_acknowledged for r in scene.to_vad if r.HasField("interrupt_acknowledged")]
    assert [(a.seq, a.floor) for a in acknowledged] == [(1, 1), (2, 1), (3, 1), (4, 1)]


def test_an_old_seq_a_duck_and_a_release_change_nothing() -> None:
    """Cancelling is idempotent, and only cancels count here."""
    scene = answered()
    scene.interrupt(5)
    told = (len(scene.to_egress), len(scene.sent))
    scene.interrupt(5)
    scene.interrupt(4)
    for kind in (1, 2):
        scene.vad(interrupt={"seq": 9, "kind": kind})
    assert (len(scene.to_egress), len(scene.sent)) == told


def test_late_deltas_are_dropped_by_their_response() -> None:
    """Stragglers of a cancelled response, while the next is already speaking."""
    scene = answered(done=False)
    scene.played(1, 500)
    scene.interrupt(1)
    scene.played(1, 500, seq=1)
    heard = scene.audio_of(1)
    scene.speak("r1", "a1", 300, "stale")
    scene.item("r1", "b1")
    scene.done("r1", "cancelled")
    scene.turn(2)
    scene.answer(2, 100, done=False)
    scene.speak("r1", "a1", 300, "staler")
    assert scene.audio_of(1) == heard
    assert len(scene.audio_of(2)) == 100 * MS * 2
    assert scene.memory_edits == [("a1", 500), ("b1", None)]


def test_a_late_done_of_the_first_does_not_end_the_second() -> None:
    """Two responses' ends are told apart by id."""
    scene = answered()
    scene.played(1, 2000, ended=True)
    scene.turn(2)
    scene.created("r2")
    scene.done("r1")
    scene.interrupt(1)
    assert scene.of("response.cancel")[0]["response_id"] == "r2"


def test_the_answer_to_flush_comes_too_late() -> None:
    """After 250 ms the last report is extrapolated to the interrupt; the late answer changes nothing."""
    scene = answered()
    scene.played(1, 1000)
    scene.now_s += 0.125
    scene.interrupt(1)
    scene.turn(2, interruption=True)
    scene.wait(FLUSH_WAIT_S - 0.1)
    assert scene.memory_edits == []
    scene.wait(0.15)
    assert scene.memory_edits == [("a1", 1125)]
    assert scene.steps[-1] == "create"
    scene.played(1, 1150, seq=1)
    assert scene.memory_edits == [("a1", 1125)]
    assert len(scene.of("response.create")) == 2


def test_the_answer_to_flush_is_waited_for_while_the_person_speaks() -> None:
    """It comes after 250 ms, over a bad network, and is what counts: no answer has been waiting for it."""
    scene = answered()
    scene.played(1, 1000)
    scene.interrupt(1)
    scene.wait(FLUSH_WAIT_S + 0.5)
    assert scene.memory_edits == []
    scene.played(1, 1150, seq=1)
    assert scene.memory_edits == [("a1", 1150)]


def test_the_answer_to_flush_never_comes() -> None:
    """After a second the last report has to do, whether anybody waits or not."""
    scene = answered()
    scene.played(1, 1000)
    scene.interrupt(1)
    scene.wait(UNHURRIED_WAIT_S - 0.1)
    assert scene.memory_edits == []
    scene.wait(0.15)
    assert scene.memory_edits == [("a1", 1000)]


def test_an_answer_that_is_wished_for_later_waits_no_longer() -> None:
    """The turn ends 400 ms after the interrupt: what is known then has to do, at once."""
    scene = answered()
    scene.played(1, 1000)
    scene.interrupt(1)
    scene.wait(0.4)
    scene.turn(2, interruption=True)
    assert scene.memory_edits == [("a1", 1000)]
    assert scene.steps[-1] == "create"


def test_the_answer_to_flush_overtakes_its_cancel() -> None:
    """The two come by different ways: the answer counts as soon as the cancel is here, without another wait."""
    scene = answered()
    scene.played(1, 1000)
    scene.played(1, 1100, seq=3)
    scene.played(1, 900, seq=2)
    assert scene.memory_edits == []
    scene.interrupt(3)
    assert scene.memory_edits == [("a1", 1100)]
    scene.turn(2, interruption=True)
    assert scene.steps[-1] == "create"


def test_a_report_after_the_interrupt_sharpens_the_guess() -> None:
    """What was reported as played was played, even when it was later than the interrupt."""
    scene = answered()
    scene.played(1, 1000)
    scene.interrupt(1)
    scene.now_s += 0.1
    scene.played(1, 1080)
    scene.wait(UNHURRIED_WAIT_S + 0.05)
    assert scene.memory_edits == [("a1", 1080)]


def test_the_answer_to_a_later_flush_does_not_speak_for_the_earlier_one() -> None:
    """The first answer was lost and a second reply has begun: the first reply was cut, not heard whole."""
    scene = answered()
    scene.played(1, 1000)
    scene.interrupt(1)
    scene.core._sequencer.release()  # the second answer is quicker than the settling of the first
    scene.turn(2)
    scene.answer(2)
    scene.interrupt(2)
    scene.core._sequencer.hold()
    scene.played(2, 300, seq=2)
    assert scene.memory_edits == [("a1", 1000), ("a2", 300)]


def test_the_session_ends_before_the_flush_is_answered() -> None:
    """Hanging up right after an interruption: what was probably heard still enters history."""
    scene = answered()
    scene.played(1, 1000)
    scene.interrupt(1)
    scene.close()
    assert scene.said == [("user", "hello"), ("assistant", "one two")]
    assert scene.history[-1].heard_ms == 1000


def test_the_session_ends_in_mid_reply() -> None:
    """The same for a reply nobody interrupted; and closing twice writes nothing twice."""
    scene = answered()
    scene.played(1, 1000)
    scene.close()
    scene.close()
    assert scene.said == [("user", "hello"), ("assistant", "one two")]


def test_a_bare_stop_is_obeyed_and_not_answered() -> None:
    """It enters history; vad learns that the turn gets no answer."""
    scene = answered()
    scene.played(1, 500)
    scene.interrupt(1)
    scene.played(1, 500, seq=1)
    scene.turn(2, item="u2", speech_ms=400, interruption=True)
    scene.transcript("u2", "Stop!")
    assert (scene.silent, len(scene.of("response.create"))) == ([2], 1)
    assert scene.said[-1] == ("user", "Stop!")


def test_a_short_question_is_answered() -> None:
    """An interruption as short as a stop, of other words."""
    scene = answered()
    scene.interrupt(1)
    scene.played(0, 0, seq=1)
    scene.turn(2, item="u2", speech_ms=400, interruption=True)
    assert len(scene.of("response.create")) == 1
    scene.transcript("u2", "Why?")
    assert len(scene.of("response.create")) == 2


def test_a_short_interruption_that_is_not_understood_wants_silence() -> None:
    """An empty transcript, a failed one, and one that takes too long."""
    for how in ("empty", "failed", "late"):
        scene = answered()
        scene.interrupt(1)
        scene.played(0, 0, seq=1)
        scene.turn(2, item="u2", speech_ms=400, interruption=True)
        if how == "empty":
            scene.transcript("u2", "")
        elif how == "failed":
            scene.model("conversation.item.input_audio_transcription.failed", item_id="u2")
        else:
            scene.wait(3.1)
            scene.transcript("u2", "Why?")
        assert (scene.silent, len(scene.of("response.create"))) == ([2], 1)


def test_without_transcription_every_interruption_is_answered() -> None:
    """A server that has never transcribed can't tell a stop from a question: dead air would be worse."""
    scene = without_words()
    scene.turn(2, item="u2", speech_ms=400, interruption=True)
    assert len(scene.of("response.create")) == 2


def without_words() -> Scene:
    """A reply under way of a model that does not transcribe, interrupted by the person."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.answer(1)
    scene.played(1, 500)
    scene.wait(16)
    scene.interrupt(1)
    scene.played(1, 600, seq=1)
    return scene


def test_without_transcription_the_ear_says_what_is_a_bare_stop() -> None:
    """The model hears the word, for it is committed, and is not asked to answer; the next turn is answered as ever."""
    scene = without_words()
    scene.turn(2, item="u2", speech_ms=400, interruption=True, stop_word="stop")
    assert (scene.silent, len(scene.of("response.create")), scene.steps[-1]) == ([2], 1, "commit")
    scene.turn(3, item="u3")
    assert scene.of("response.create")[-1]["response"]["metadata"]["turn"] == "3"


def test_a_stop_that_only_ends_a_longer_turn_is_answered() -> None:
    """What was said before it wants an answer: the word is not bare, whatever the ear heard last."""
    scene = without_words()
    scene.turn(2, item="u2", interruption=True)
    scene.vad(turn_resumed=broker.TurnResumed(turn=2))
    scene.turn(2, item="u3", speech_ms=400, interruption=True, stop_word="stop")
    assert (scene.silent, len(scene.of("response.create"))) == ([], 2)


def test_with_transcription_the_words_count_and_not_the_ear() -> None:
    """A "stop" that was a question after all is answered, as the transcript has it."""
    scene = answered()
    scene.interrupt(1)
    scene.played(0, 0, seq=1)
    scene.turn(2, item="u2", speech_ms=400, interruption=True, stop_word="stop")
    scene.transcript("u2", "Stock?")
    assert (scene.silent, len(scene.of("response.create"))) == ([], 2)


def test_a_doubt_does_not_outlive_the_next_turn() -> None:
    """The later turn's answer answers the short question too; it isn't answered twice."""
    scene = answered()
    scene.interrupt(1)
    scene.played(0, 0, seq=1)
    scene.turn(2, item="u2", speech_ms=400, interruption=True)
    scene.turn(3, item="u3")
    scene.answer(2)
    scene.transcript("u2", "Why?")
    assert len(scene.of("response.create")) == 2
    assert scene.of("response.create")[-1]["response"]["metadata"]["turn"] == "3"
